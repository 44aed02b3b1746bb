-- Registrations, their live values, and what DNS workers need to learn of changes.

-- allowfrom is a JSON list of CIDRs; key_hash is the SHA-256 of the API key, 64 hex digits;
-- times are seconds since 1970.
CREATE TABLE challenge_registration (
  subdomain TEXT NOT NULL PRIMARY KEY,
  username TEXT NOT NULL UNIQUE,
  key_hash TEXT NOT NULL,
  allowfrom TEXT NOT NULL,
  note TEXT NOT NULL,
  tenant TEXT,
  disabled INTEGER NOT NULL,
  created_at BIGINT NOT NULL
);

-- What was deleted is never handed out again.
CREATE TABLE challenge_deleted_subdomain (
  subdomain TEXT NOT NULL PRIMARY KEY,
  deleted_at BIGINT NOT NULL
);

-- generation is that of the change that published the value: the lowest is the oldest.
CREATE TABLE challenge_value (
  subdomain TEXT NOT NULL REFERENCES challenge_registration (subdomain) ON DELETE CASCADE,
  txt TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  generation BIGINT NOT NULL,
  PRIMARY KEY (subdomain, txt)
);
CREATE INDEX challenge_value_by_expiry ON challenge_value (expires_at);

-- Which answers each generation made stale. Rows up to challenge_generation.pruned are gone.
CREATE TABLE challenge_change (
  generation BIGINT NOT NULL PRIMARY KEY,
  subdomain TEXT NOT NULL
);

-- One row. generation rises with every change, and is the serial of the zones.
CREATE TABLE challenge_generation (
  generation BIGINT NOT NULL,
  pruned BIGINT NOT NULL
);
INSERT INTO challenge_generation (generation, pruned) VALUES (0, 0);
