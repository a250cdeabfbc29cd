-- Names of parties that a registry's answers gave are compared at each answer.
CREATE INDEX learned_party ON learned (party);
