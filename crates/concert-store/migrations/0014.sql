-- The strictest label of TLP 2.0 that events of a notice bear: whoever reads its text must be cleared for it. Notices
-- that were made before count as without.
ALTER TABLE notice ADD COLUMN tlp TEXT NOT NULL DEFAULT '';
