-- Reports as received. Their bytes are in the archive, by `content`.
CREATE TABLE report (
    id          BLOB PRIMARY KEY,
    feed        TEXT NOT NULL,
    content     BLOB NOT NULL,
    origin_kind TEXT NOT NULL,
    origin      TEXT NOT NULL,
    received    INTEGER NOT NULL,            -- microseconds since 1970
    sender      TEXT NOT NULL,
    file_name   TEXT NOT NULL,
    url         TEXT NOT NULL,
    media_type  TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    state       TEXT NOT NULL,               -- waiting, done, failed
    rows        INTEGER NOT NULL DEFAULT 0,
    events      INTEGER NOT NULL DEFAULT 0,
    duplicates  INTEGER NOT NULL DEFAULT 0,
    rejects     INTEGER NOT NULL DEFAULT 0,
    dropped     INTEGER NOT NULL DEFAULT 0,
    notices     INTEGER NOT NULL DEFAULT 0,
    reason      TEXT NOT NULL DEFAULT '',
    archived    INTEGER NOT NULL DEFAULT 1   -- 0 once retention took the bytes
) WITHOUT ROWID;
CREATE INDEX report_waiting ON report (received) WHERE state = 'waiting';
CREATE INDEX report_feed ON report (feed, received);
CREATE INDEX report_content ON report (content);

-- Pieces that became no event; a report keeps the first ones and the count of all.
CREATE TABLE reject (
    report BLOB NOT NULL,
    n      INTEGER NOT NULL,
    line   INTEGER NOT NULL,
    part   TEXT NOT NULL,
    field  TEXT NOT NULL,
    reason TEXT NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (report, n)
) WITHOUT ROWID;

-- A batch is what was written at once: its number orders all events of the site.
CREATE TABLE batch (
    id       INTEGER PRIMARY KEY,
    report   BLOB NOT NULL,
    received INTEGER NOT NULL,
    rows     INTEGER NOT NULL,
    quiet    INTEGER NOT NULL DEFAULT 0      -- 1: not told to anybody (replayed)
);
CREATE INDEX batch_report ON batch (report);

-- Event files. Sightings (later repeats of an event) have files of the same kind.
CREATE TABLE segment (
    path        TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,               -- events, sightings
    day         TEXT NOT NULL,
    first_batch INTEGER NOT NULL,
    last_batch  INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    min_time    INTEGER NOT NULL,            -- of time.source, microseconds
    max_time    INTEGER NOT NULL,
    hash        BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX segment_day ON segment (kind, day);

-- Events of small batches, until they are written to a file.
CREATE TABLE journal (
    batch INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (batch, n)
) WITHOUT ROWID;

CREATE TABLE sighting (
    batch   INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    problem BLOB NOT NULL,
    first   INTEGER NOT NULL,                -- time.source of the event it repeats
    time    INTEGER NOT NULL,
    report  BLOB NOT NULL,
    line    INTEGER NOT NULL,
    PRIMARY KEY (batch, n)
) WITHOUT ROWID;

-- What is told to whom. `members` names the events: batch numbers and ranges of rows in them.
CREATE TABLE notice (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    key         TEXT NOT NULL,
    party       TEXT NOT NULL DEFAULT '',
    recipient   TEXT NOT NULL DEFAULT '',
    via         TEXT NOT NULL,
    format      TEXT NOT NULL,
    language    TEXT NOT NULL DEFAULT 'en',
    state       TEXT NOT NULL,               -- queued, delivered, failed, no-contact
    events      INTEGER NOT NULL,
    members     BLOB NOT NULL,
    message_id  TEXT NOT NULL,
    made        INTEGER NOT NULL,
    due         INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    reason      TEXT NOT NULL DEFAULT '',
    delivered   INTEGER
);
CREATE INDEX notice_due ON notice (due, seq) WHERE state = 'queued';
CREATE INDEX notice_state ON notice (state, seq);

-- The exact bytes of a notice, kept before the first attempt.
CREATE TABLE notice_bytes (
    id    TEXT PRIMARY KEY,
    bytes BLOB NOT NULL                      -- zstd
) WITHOUT ROWID;

-- How far each kind of notice has looked, and groups that were told earlier than the rest.
CREATE TABLE notice_cursor (
    name   TEXT PRIMARY KEY,
    batch  INTEGER NOT NULL,
    due    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE notice_early (
    name  TEXT NOT NULL,
    key   TEXT NOT NULL,
    batch INTEGER NOT NULL,
    PRIMARY KEY (name, key)
) WITHOUT ROWID;

-- When a problem was last told, for kinds of notice with a reminder interval.
CREATE TABLE told (
    name    TEXT NOT NULL,
    problem BLOB NOT NULL,
    told    INTEGER NOT NULL,
    seen    INTEGER NOT NULL,
    PRIMARY KEY (name, problem)
) WITHOUT ROWID;

-- Small things: what collectors remember, counters, how feeds do.
CREATE TABLE memory (
    owner TEXT NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, name)
) WITHOUT ROWID;
CREATE TABLE feed_health (
    feed       TEXT PRIMARY KEY,
    last_good  INTEGER,
    last_error INTEGER,
    error      TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE gap (
    feed TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (feed, start)
) WITHOUT ROWID;
CREATE TABLE hour (
    feed TEXT NOT NULL, hour INTEGER NOT NULL,
    events INTEGER NOT NULL, duplicates INTEGER NOT NULL, rejects INTEGER NOT NULL, dropped INTEGER NOT NULL,
    PRIMARY KEY (feed, hour)
) WITHOUT ROWID;

-- Who this site answers for; imported as one piece.
CREATE TABLE party (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;
