-- What is wrong with a mail that is not believed: never-sent or forged, or empty. Those of before have none.
ALTER TABLE mail ADD COLUMN doubt TEXT NOT NULL DEFAULT '';
-- Answers of servers outside that were refused, by whom they were from and why.
CREATE TABLE refused (
    source TEXT NOT NULL,
    cause  TEXT NOT NULL,
    count  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (source, cause)
) WITHOUT ROWID;
