-- What a service is billed by, when registrations were last of use, and who is signed in to its
-- pages.

-- peak is the most registrations since the last look at them, which a month's usage takes up.
ALTER TABLE challenge_tenant ADD COLUMN peak BIGINT NOT NULL DEFAULT 0;
UPDATE challenge_tenant SET peak = registrations;

-- month is like 2027-02, in UTC. It stays when the tenant is deleted, since bills come later.
-- registrations is how many the tenant had when they were last looked at in that month.
CREATE TABLE challenge_usage (
  tenant TEXT NOT NULL,
  month TEXT NOT NULL,
  registrations BIGINT NOT NULL,
  peak BIGINT NOT NULL,
  updates BIGINT NOT NULL,
  PRIMARY KEY (tenant, month)
);
CREATE INDEX challenge_usage_by_month ON challenge_usage (month, tenant);

-- When a registration last got a value; a minute late at most, and lost with a crash.
CREATE TABLE challenge_activity (
  subdomain TEXT NOT NULL PRIMARY KEY REFERENCES challenge_registration (subdomain)
    ON DELETE CASCADE,
  updated_at BIGINT NOT NULL
);

-- id is the SHA-256 of the session's secret. A session ends with its key.
CREATE TABLE challenge_session (
  id TEXT NOT NULL PRIMARY KEY,
  key_id TEXT NOT NULL REFERENCES challenge_key (id) ON DELETE CASCADE,
  expires_at BIGINT NOT NULL
);
CREATE INDEX challenge_session_by_expiry ON challenge_session (expires_at);
