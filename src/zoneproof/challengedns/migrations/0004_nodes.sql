-- Several nodes that share a database (PostgreSQL); on one machine these tables are hardly used.

-- subdomain is '' for a change of the zones themselves. is_new is 1 for a registration that was
-- just made, of which no answer is known yet. stamp tells this row from one with the same
-- generation in another history of the database, which a failover or a backup may bring.
DROP TABLE challenge_change;
CREATE TABLE challenge_change (
  generation BIGINT NOT NULL PRIMARY KEY,
  subdomain TEXT NOT NULL,
  is_new INTEGER NOT NULL DEFAULT 0,
  stamp DOUBLE PRECISION NOT NULL DEFAULT (random())
);
UPDATE challenge_generation SET pruned = generation;

-- renewal counts the renewals of a node's lease: 0 before the first. The lease with the number
-- lost has ended. acknowledged is the newest change that all its DNS workers answer from. zones
-- is a digest of the zones that it serves. renewed_at, in seconds since 1970 by the database's
-- clock, is for people only.
CREATE TABLE challenge_node (
  name TEXT NOT NULL PRIMARY KEY,
  address TEXT NOT NULL,
  version TEXT NOT NULL,
  zones TEXT NOT NULL,
  renewal BIGINT NOT NULL,
  lost BIGINT NOT NULL,
  has_left INTEGER NOT NULL,
  acknowledged BIGINT NOT NULL,
  renewed_at BIGINT NOT NULL
);
