-- Numbers of incidents are found in whatever letters, and one that is not there as soon as one that is.
CREATE INDEX incident_number ON incident (number COLLATE NOCASE);
