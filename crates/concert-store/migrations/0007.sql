-- A notice that was sent again on purpose names the one it repeats.
ALTER TABLE notice ADD COLUMN again_of TEXT NOT NULL DEFAULT '';
