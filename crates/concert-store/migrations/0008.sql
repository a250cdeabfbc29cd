-- Teams of last resort: whom events fall to that nobody else answers for.
CREATE TABLE team (
    name  TEXT PRIMARY KEY,
    body  TEXT NOT NULL,                     -- JSON
    place INTEGER NOT NULL
) WITHOUT ROWID;

-- What a person wrote, in notices that tell no events.
ALTER TABLE notice ADD COLUMN text TEXT NOT NULL DEFAULT '';
