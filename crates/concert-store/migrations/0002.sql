-- Parties keep the order of their import: of two with the same network the first one answers.
ALTER TABLE party ADD COLUMN place INTEGER NOT NULL DEFAULT 0;

-- Values a person asked us to forget, as hashes, and what was removed for each.
CREATE TABLE forgotten (
    hash      BLOB NOT NULL,
    forgotten INTEGER NOT NULL,              -- microseconds since 1970
    counts    TEXT NOT NULL,                 -- JSON
    PRIMARY KEY (hash, forgotten)
) WITHOUT ROWID;
