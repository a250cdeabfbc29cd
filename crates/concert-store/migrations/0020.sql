-- Derived: the last entry of each incident, for each kind of reader whom entries are for, so that a list moves an incident
-- for those alone who see what was written. `sight` is empty for entries that everybody sees who sees the incident.
-- What is older than such an entry is gone: it is the last of nobody.
CREATE TABLE touched (
    incident TEXT NOT NULL,
    sight    TEXT NOT NULL,                  -- JSON: marking, author, party of a speaker
    seq      INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    PRIMARY KEY (incident, sight)
) WITHOUT ROWID;
CREATE INDEX touched_seq ON touched (seq);
-- Lists went by it.
DROP INDEX incident_changed;

INSERT INTO touched (incident, sight, seq, time)
SELECT incident, sight, max(seq), time FROM (
    SELECT incident, seq, time, CASE
        WHEN body IS NULL OR NOT json_valid(body) THEN ''
        WHEN body ->> '$.kind' = 'role/1' AND body ->> '$.content.party' <> ''
            THEN json_array(json(body -> '$.marking'), body ->> '$.author', body ->> '$.content.party')
        WHEN body ->> '$.kind' IN ('opened/1', 'title/1', 'classification/1', 'severity/1', 'status/1', 'marking/1', 'role/1')
            THEN ''
        ELSE json_array(json(body -> '$.marking'), body ->> '$.author', '') END AS sight
    FROM entry
) GROUP BY incident, sight;
DELETE FROM touched WHERE seq < (SELECT open.seq FROM touched AS open WHERE open.incident = touched.incident AND open.sight = '');
