-- How an entry is marked, where it was marked otherwise than it was written. Follows from entries, and can be made anew.
ALTER TABLE entry ADD COLUMN marked TEXT;
