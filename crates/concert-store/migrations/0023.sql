-- The first half of a hash over batch, number and event, by which `verify` knows that a row is as it was written. Rows of
-- before have none.
ALTER TABLE journal ADD COLUMN sum BLOB;
