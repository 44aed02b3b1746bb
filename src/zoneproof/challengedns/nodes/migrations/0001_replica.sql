-- A node's replica of the shared database: what its DNS workers read, in the tables of the same
-- names, and no secret.

CREATE TABLE challenge_registration (
  subdomain TEXT NOT NULL PRIMARY KEY,
  disabled INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE challenge_value (
  subdomain TEXT NOT NULL,
  txt TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  generation BIGINT NOT NULL,
  PRIMARY KEY (subdomain, txt)
) WITHOUT ROWID;
CREATE INDEX challenge_value_by_expiry ON challenge_value (expires_at);

CREATE TABLE challenge_change (
  generation INTEGER NOT NULL PRIMARY KEY,
  subdomain TEXT NOT NULL,
  is_new INTEGER NOT NULL,
  stamp DOUBLE PRECISION NOT NULL
);

CREATE TABLE challenge_generation (
  generation BIGINT NOT NULL,
  pruned BIGINT NOT NULL
);
INSERT INTO challenge_generation (generation, pruned) VALUES (0, 0);

CREATE TABLE challenge_value_time (
  boot TEXT NOT NULL,
  ahead BIGINT NOT NULL,
  seen BIGINT NOT NULL
);

-- The other nodes, which this one asks while it has no lease.
CREATE TABLE replica_peer (
  name TEXT NOT NULL PRIMARY KEY,
  address TEXT NOT NULL
);
