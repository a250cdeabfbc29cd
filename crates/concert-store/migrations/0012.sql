-- Incidents with tasks are found by them, like those with clocks and processes.
INSERT OR IGNORE INTO observable (value, kind, seq, incident)
    SELECT 'task/1', 'kind', seq, incident FROM entry WHERE instr(body, '"kind":"task/1"') > 0;

-- Of what comes due in incidents, whom of it was reminded last and for which stage.
CREATE TABLE reminded (
    incident TEXT NOT NULL,
    thing    TEXT NOT NULL,                  -- kind and name within the incident
    receiver TEXT NOT NULL,                  -- a user; empty for the site itself
    due      INTEGER NOT NULL,
    ahead    INTEGER NOT NULL,               -- seconds before it is due; 0: it was due
    PRIMARY KEY (incident, thing, receiver)
) WITHOUT ROWID;
