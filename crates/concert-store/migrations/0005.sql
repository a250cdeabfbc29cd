-- Which event a reject would have been, so that a replay knows it again: a line number alone means
-- something else in each part of a mail or archive. Empty in older rows.
ALTER TABLE reject ADD COLUMN event BLOB NOT NULL DEFAULT x'';
