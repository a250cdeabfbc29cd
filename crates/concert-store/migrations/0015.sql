-- Who stands in front of the receivers of a notice and was passed over, and why: what a server answers later
-- replaces the reason, and this stays.
ALTER TABLE notice ADD COLUMN passed_over TEXT NOT NULL DEFAULT '';
