-- Whether the domain of its sender signed a mail (DKIM): pass, fail, none or unknown, with the reason; empty where nobody
-- looked. And how often the answers of each domain were signed.
ALTER TABLE mail ADD COLUMN signed TEXT NOT NULL DEFAULT '';
CREATE TABLE signer (
    domain TEXT PRIMARY KEY,
    passed INTEGER NOT NULL DEFAULT 0,
    others INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
