-- Since when a notice is being sent, and how often that was tried: from these follow how long is waited
-- and when it is given up. They begin again when a person puts it back into the queue.
ALTER TABLE notice ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notice ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
UPDATE notice SET since = max(made, CASE attempts WHEN 0 THEN due ELSE made END), tries = attempts;

-- Each way out looks for its own notices.
DROP INDEX notice_due;
CREATE INDEX notice_way ON notice (via, due, seq) WHERE state = 'queued';
