-- Whoever speaks for a party sees how that stands, and lists move with it: what says who moves with what is made anew.
DELETE FROM memory WHERE owner = 'incident derived';
