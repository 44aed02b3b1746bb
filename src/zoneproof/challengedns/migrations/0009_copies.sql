-- Which database was copied here, so that no copy undoes what was done here since.

-- One row. id tells this database from any other. copied_from is the id of the one that was copied
-- here, if any; the newest change and the newest entry of the audit log were these after that.
CREATE TABLE challenge_copy (
  id DOUBLE PRECISION NOT NULL DEFAULT (random()),
  copied_from DOUBLE PRECISION,
  generation BIGINT NOT NULL DEFAULT 0,
  audit BIGINT NOT NULL DEFAULT 0
);
INSERT INTO challenge_copy (copied_from) VALUES (NULL);
