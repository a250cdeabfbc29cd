-- Teams of last resort: whom events fall to that nobody else answers for.
CREATE TABLE team (
    name  TEXT PRIMARY KEY,
    body  TEXT NOT NULL,                     -- JSON
    place INTEGER NOT NULL
) WITHOUT ROWID;

-- The notice that carries this one in its mail; '-' for one that must go alone.
ALTER TABLE notice ADD COLUMN within TEXT NOT NULL DEFAULT '';
CREATE INDEX notice_within ON notice (within) WHERE within <> '';

-- What a person wrote, in notices that tell no events.
ALTER TABLE notice ADD COLUMN text TEXT NOT NULL DEFAULT '';
