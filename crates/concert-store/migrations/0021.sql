-- Mails that wait for a person stand on the first page, which is asked for often.
CREATE INDEX mail_held ON mail (seq) WHERE state = 'held';
