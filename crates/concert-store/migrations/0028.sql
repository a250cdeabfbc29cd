-- What parties were told on trial only is owed to them: like `told`, with how far a problem was told in earnest (0: never)
-- and how far on trial.
CREATE TABLE told_on_trial (
    name    TEXT NOT NULL,
    parcel  TEXT NOT NULL,
    entries BLOB NOT NULL,
    PRIMARY KEY (name, parcel)
) WITHOUT ROWID;
