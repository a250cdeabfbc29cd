-- Mails of incidents. What came in belongs to the incident and the party that it seems to be of; while it is
-- `held`, a person must say whether it is. A message that goes out is carried by a notice, and how sending it
-- ended last stands in the journal too: `proved` is the state that was written there.
ALTER TABLE mail ADD COLUMN incident TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN party TEXT NOT NULL DEFAULT '';
CREATE INDEX mail_incident ON mail (incident, seq) WHERE incident <> '';
ALTER TABLE notice ADD COLUMN proved TEXT NOT NULL DEFAULT '';
CREATE INDEX notice_message ON notice (seq) WHERE name = '(message)';
