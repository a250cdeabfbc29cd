-- What makes parties and teams answer for something: networks, domains without `*.`, AS64500, countries. It stands
-- in their bodies; the table has it sorted, so that a question about a few addresses reads the few that may answer.
CREATE VIEW claimed AS
    WITH book (whose, name, body) AS
        (SELECT 'party', name, body FROM party UNION ALL SELECT 'team', name, body FROM team)
    SELECT one.value AS value, whose, name FROM book, json_each(body, '$.prefixes') AS one
    UNION ALL
    SELECT CASE WHEN one.value LIKE '*.%' THEN substr(one.value, 3) ELSE one.value END, whose, name
    FROM book, json_each(body, '$.domains') AS one
    UNION ALL
    SELECT 'AS' || one.value, whose, name FROM book, json_each(body, '$.asns') AS one
    UNION ALL
    SELECT upper(one.value), whose, name FROM book, json_each(body, '$.countries') AS one;
CREATE TABLE claim (
    value TEXT NOT NULL,
    whose TEXT NOT NULL,                     -- 'party' or 'team'
    name  TEXT NOT NULL,
    PRIMARY KEY (value, whose, name)
) WITHOUT ROWID;
INSERT OR IGNORE INTO claim SELECT value, whose, name FROM claimed ORDER BY value, whose, name;
