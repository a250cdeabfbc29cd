-- Where notices of events went, and for which party: registries have too many contacts to look after all of them.
CREATE TABLE contact_told (
    recipient TEXT NOT NULL,                 -- one address, or several with commas
    party     TEXT NOT NULL,
    since     INTEGER NOT NULL,
    PRIMARY KEY (recipient, party)
) WITHOUT ROWID;
INSERT INTO contact_told
    SELECT recipient, party, min(delivered) FROM notice
    WHERE delivered IS NOT NULL AND recipient <> '' AND party <> '' AND name NOT LIKE '(%' GROUP BY recipient, party;
