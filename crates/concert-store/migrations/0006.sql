-- Mails that came back to the site's mailbox, and what each turned out to be. Their bytes are in the
-- archive, by `content`. Those that belong to a notice are its thread.
CREATE TABLE mail (
    seq        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,         -- of Message-ID (or place in the folder) and bytes
    content    BLOB NOT NULL,
    received   INTEGER NOT NULL,             -- microseconds since 1970
    bytes      INTEGER NOT NULL,
    state      TEXT NOT NULL,                -- waiting, taken, aside
    kind       TEXT NOT NULL DEFAULT '',     -- reply, auto-reply, generated, bounce, delay, arrived, feedback, list, written, complaint
    message_id TEXT NOT NULL DEFAULT '',
    sender     TEXT NOT NULL DEFAULT '',
    subject    TEXT NOT NULL DEFAULT '',
    notice     TEXT NOT NULL DEFAULT '',     -- the notice it belongs to
    contact    TEXT NOT NULL DEFAULT '',     -- the address it tells something of
    reason     TEXT NOT NULL DEFAULT '',     -- what it says, or why it was set aside
    archived   INTEGER NOT NULL DEFAULT 1    -- 0 once retention took the bytes
);
CREATE INDEX mail_waiting ON mail (seq) WHERE state = 'waiting';
CREATE INDEX mail_notice ON mail (notice, seq) WHERE notice <> '';
CREATE INDEX mail_message ON mail (message_id) WHERE message_id <> '';
CREATE INDEX mail_content ON mail (content);
CREATE INDEX mail_received ON mail (received);

-- How a contact does, by its mail address, in lower case and with its
-- domain as the DNS has it. It outlives imports of constituents.
CREATE TABLE contact_health (
    address      TEXT PRIMARY KEY,
    alive        INTEGER,                    -- when it last proved alive
    alive_by     TEXT NOT NULL DEFAULT '',   -- and by what
    replies      INTEGER NOT NULL DEFAULT 0,
    auto_replies INTEGER NOT NULL DEFAULT 0,
    hard         INTEGER NOT NULL DEFAULT 0, -- bounces that say there is nobody
    soft         INTEGER NOT NULL DEFAULT 0, -- other bounces
    bounced      INTEGER,                    -- when it bounced last
    diagnostic   TEXT NOT NULL DEFAULT '',   -- what was said then
    suspended    INTEGER,                    -- since when nothing is sent to it
    why          TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX contact_suspended ON contact_health (address) WHERE suspended IS NOT NULL;

-- How long it took until a contact answered a notice for the first time.
CREATE TABLE contact_answer (
    address  TEXT NOT NULL,
    notice   TEXT NOT NULL,
    answered INTEGER NOT NULL,
    seconds  INTEGER NOT NULL,
    PRIMARY KEY (address, notice)
) WITHOUT ROWID;

-- Messages that ask a contact whether it is there. They go out as notices without events.
CREATE TABLE contact_proof (
    notice  TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    party   TEXT NOT NULL,
    asked   INTEGER NOT NULL,
    settled INTEGER                          -- when it was answered, or bounced
) WITHOUT ROWID;
CREATE UNIQUE INDEX contact_proof_open ON contact_proof (address) WHERE settled IS NULL;

-- A notice that bounced and was told again to the next contact.
CREATE TABLE notice_again (
    notice TEXT NOT NULL,
    again  TEXT NOT NULL,
    why    TEXT NOT NULL,
    PRIMARY KEY (notice, again)
) WITHOUT ROWID;
CREATE INDEX notice_again_of ON notice_again (again);

-- Who was told last that a complaint came in: at most one receipt an hour goes to a sender.
CREATE TABLE receipt (
    sender TEXT PRIMARY KEY,
    sent   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX receipt_sent ON receipt (sent);
