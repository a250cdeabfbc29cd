-- The notice that told whoever complained what became of it; a dash where nobody may be told.
ALTER TABLE mail ADD COLUMN outcome TEXT NOT NULL DEFAULT '';
