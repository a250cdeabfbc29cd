-- Whether somebody gave a notice its addresses by hand: then the contact book has no say in them.
ALTER TABLE notice ADD COLUMN by_hand INTEGER NOT NULL DEFAULT 0;
