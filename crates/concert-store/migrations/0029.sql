-- Whom a mail reached, and who refused it for good, while others whom it is for are tried again. `has_it` is 1 or 0.
CREATE TABLE notice_receiver (
    notice  TEXT NOT NULL,
    address TEXT NOT NULL,
    has_it  INTEGER NOT NULL,
    said    TEXT NOT NULL,
    time    INTEGER NOT NULL,
    PRIMARY KEY (notice, address)
) WITHOUT ROWID;
