-- When problems were told is kept in parcels: a daily report names hundreds of thousands of problems
-- again, and a row for each was a hundred times slower. A parcel holds the problems whose hash begins
-- with the same three hexadecimal digits, in order: eight bytes of the hash, then the seconds at which
-- it was told and seen last, four bytes each, all with the highest byte first.
ALTER TABLE told RENAME TO told_before;
CREATE TABLE told (
    name    TEXT NOT NULL,
    parcel  TEXT NOT NULL,
    entries BLOB NOT NULL,
    PRIMARY KEY (name, parcel)
) WITHOUT ROWID;
INSERT INTO told
    SELECT name, lower(substr(hex(problem), 1, 3)),
        unhex(group_concat(
            hex(substr(problem, 1, 8)) || printf('%08X%08X', max(told, 0) / 1000000, max(seen, 0) / 1000000),
            '' ORDER BY problem))
    FROM told_before GROUP BY 1, 2;
DROP TABLE told_before;
