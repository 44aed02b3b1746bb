-- The zones in which registrations were answered when the service last ran.

CREATE TABLE challenge_zone (
  name TEXT NOT NULL PRIMARY KEY
);
