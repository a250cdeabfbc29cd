-- Whoever speaks for a party sees how that stands, so an entry that says so is seen by others than one that is marked alike.
-- `sight` is made anew: JSON of marking, author, party of a speaker, the other incident of a join, party that stands.
DELETE FROM touched;
INSERT INTO touched (incident, sight, seq, time)
SELECT incident, sight, max(seq), time FROM (
    SELECT incident, seq, time, CASE
        WHEN body IS NULL OR NOT json_valid(body) THEN ''
        WHEN body ->> '$.kind' = 'role/1' AND body ->> '$.content.party' <> ''
            THEN json_array(json(coalesce(marked, body -> '$.marking')), body ->> '$.author', body ->> '$.content.party')
        WHEN body ->> '$.kind' IN ('opened/1', 'title/1', 'classification/1', 'severity/1', 'status/1', 'marking/1', 'role/1')
            THEN ''
        WHEN body ->> '$.kind' = 'joined/1' AND body ->> '$.content.incident' <> ''
            THEN json_array(json(coalesce(marked, body -> '$.marking')), body ->> '$.author', '', body ->> '$.content.incident')
        WHEN body ->> '$.kind' = 'party/1' AND body ->> '$.content.party' <> ''
            THEN json_array(json(coalesce(marked, body -> '$.marking')), body ->> '$.author', '', '', body ->> '$.content.party')
        ELSE json_array(json(coalesce(marked, body -> '$.marking')), body ->> '$.author', '') END AS sight
    FROM entry
) GROUP BY incident, sight;
DELETE FROM touched WHERE seq < (SELECT open.seq FROM touched AS open WHERE open.incident = touched.incident AND open.sight = '');
