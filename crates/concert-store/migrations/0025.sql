-- Whom servers of registries (RDAP) named for networks for which the contact book had nobody.
CREATE TABLE learned (
    network TEXT PRIMARY KEY,                -- as they write it: 192.0.2.0 - 192.0.2.255
    party   TEXT NOT NULL,
    body    TEXT NOT NULL,                   -- as in the table party
    learned INTEGER NOT NULL                 -- microseconds since 1970
) WITHOUT ROWID;
