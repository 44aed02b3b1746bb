-- What upkeep needs to throw things away.

-- No row, or one. The time by which values expire (challenge_value.expires_at): in the boot of the
-- machine with this id it is ahead of the seconds since then by so many, and it was last seen at
-- this time, from which it goes on after the next boot.
CREATE TABLE challenge_value_time (
  boot TEXT NOT NULL,
  ahead BIGINT NOT NULL,
  seen BIGINT NOT NULL
);

CREATE INDEX challenge_deleted_subdomain_by_time ON challenge_deleted_subdomain (deleted_at);
