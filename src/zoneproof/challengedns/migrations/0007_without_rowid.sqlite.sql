-- The tables of every update, each kept by its key alone: a value and a change are written once, and
-- not once more in an index of the key. PostgreSQL has nothing like it.

CREATE TABLE challenge_value_by_key (
  subdomain TEXT NOT NULL REFERENCES challenge_registration (subdomain) ON DELETE CASCADE,
  txt TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  generation BIGINT NOT NULL,
  PRIMARY KEY (subdomain, txt)
) WITHOUT ROWID;
INSERT INTO challenge_value_by_key SELECT subdomain, txt, expires_at, generation FROM challenge_value;
DROP TABLE challenge_value;
ALTER TABLE challenge_value_by_key RENAME TO challenge_value;
CREATE INDEX challenge_value_by_expiry ON challenge_value (expires_at);

CREATE TABLE challenge_change_by_key (
  generation INTEGER NOT NULL PRIMARY KEY,
  subdomain TEXT NOT NULL,
  is_new INTEGER NOT NULL DEFAULT 0,
  stamp DOUBLE PRECISION NOT NULL DEFAULT (random())
);
INSERT INTO challenge_change_by_key SELECT generation, subdomain, is_new, stamp FROM challenge_change;
DROP TABLE challenge_change;
ALTER TABLE challenge_change_by_key RENAME TO challenge_change;
