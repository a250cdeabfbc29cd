-- Persons who may work with the site.
CREATE TABLE user (
    name      TEXT PRIMARY KEY,
    full_name TEXT NOT NULL,
    mail      TEXT NOT NULL,
    standing  TEXT NOT NULL,                 -- JSON
    clearance TEXT NOT NULL,                 -- a label of TLP 2.0
    disabled  INTEGER NOT NULL DEFAULT 0,
    made      INTEGER NOT NULL               -- microseconds since 1970
) WITHOUT ROWID;

-- What proves who somebody is. These tables are emptied in a backup without keys.
CREATE TABLE password (
    user TEXT PRIMARY KEY,
    hash TEXT NOT NULL,                      -- PHC string, argon2id
    once INTEGER NOT NULL                    -- 1: to be changed at the next login
) WITHOUT ROWID;
CREATE TABLE second_factor (
    user      TEXT PRIMARY KEY,
    secret    BLOB NOT NULL,                 -- of RFC 6238, as it is: codes are computed from it
    last_step INTEGER NOT NULL               -- a code of this step or an earlier one was used already
) WITHOUT ROWID;
CREATE TABLE recovery_code (
    user TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (user, hash)
) WITHOUT ROWID;
CREATE TABLE token (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    hash    BLOB NOT NULL UNIQUE,
    user    TEXT NOT NULL,
    scopes  TEXT NOT NULL,                   -- with commas between them
    made    INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER                          -- to the hour
);
CREATE INDEX token_user ON token (user);
CREATE TABLE session (
    hash BLOB PRIMARY KEY,
    user TEXT NOT NULL,
    made INTEGER NOT NULL,
    used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_user ON session (user, made);

-- Failed logins by a hash of the name, whether there is such a user or not.
CREATE TABLE lockout (
    name     BLOB PRIMARY KEY,
    failures INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    until    INTEGER NOT NULL                -- nobody comes in under this name before
) WITHOUT ROWID;
CREATE INDEX lockout_last ON lockout (last);
CREATE INDEX lockout_until ON lockout (until, last);

-- Who did or wanted to do what. Only ever appended; nothing secret is in it.
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    time    INTEGER NOT NULL,
    who     TEXT NOT NULL,
    origin  TEXT NOT NULL,                   -- an address, or empty at the machine itself
    action  TEXT NOT NULL,
    object  TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    policy  TEXT NOT NULL,                   -- what decided
    reason  TEXT NOT NULL
);
CREATE INDEX audit_time ON audit (time);
CREATE INDEX audit_who ON audit (who, seq);
CREATE INDEX audit_object ON audit (object, seq);
