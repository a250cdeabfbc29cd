-- Incidents: journals, and what is derived from them.

-- What was written, in the order in which it came here. Nothing else holds the state of an incident.
CREATE TABLE entry (
    seq      INTEGER PRIMARY KEY,
    incident TEXT NOT NULL,                  -- UUIDv7
    site     TEXT NOT NULL,                  -- public key, hexadecimal
    sequence INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    tick     INTEGER NOT NULL,
    header   TEXT NOT NULL,                  -- canonical, signed
    body     TEXT,                           -- canonical; NULL where it is withheld or erased
    UNIQUE (incident, site, sequence)
);
CREATE INDEX entry_incident ON entry (incident, seq);

-- Derived: how each incident stands, for lists. Dropped and made anew from entries by `concert incident rebuild`.
CREATE TABLE incident (
    id             TEXT PRIMARY KEY,
    number         TEXT NOT NULL UNIQUE,
    title          TEXT NOT NULL,
    classification TEXT NOT NULL,
    severity       TEXT NOT NULL,
    status         TEXT NOT NULL,
    opened         INTEGER NOT NULL,
    changed        INTEGER NOT NULL,         -- seq of its last entry
    changed_at     INTEGER NOT NULL,
    circle         TEXT NOT NULL             -- JSON: marking and who has to do with it
) WITHOUT ROWID;
CREATE INDEX incident_changed ON incident (changed);

-- Derived: values that entries name.
CREATE TABLE observable (
    value    TEXT NOT NULL,
    kind     TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    incident TEXT NOT NULL,
    PRIMARY KEY (value, seq, kind)
) WITHOUT ROWID;
CREATE INDEX observable_seq ON observable (seq);

-- Derived: the words of entries.
CREATE VIRTUAL TABLE entry_text USING fts5(text, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');

-- Requests that were answered, so that one sent again happens once.
CREATE TABLE answered (
    person TEXT NOT NULL,
    key    TEXT NOT NULL,
    digest BLOB NOT NULL,                    -- of the request
    at     INTEGER NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (person, key)
) WITHOUT ROWID;
CREATE INDEX answered_at ON answered (at);
