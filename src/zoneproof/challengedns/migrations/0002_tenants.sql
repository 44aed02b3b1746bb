-- Tenants and the keys that let them register, or the operator administer.

-- registrations is how many the tenant has: a count for the quota, kept with each one that comes
-- or goes. Times are seconds since 1970.
CREATE TABLE challenge_tenant (
  name TEXT NOT NULL PRIMARY KEY,
  quota BIGINT NOT NULL,
  registrations BIGINT NOT NULL,
  expires_at BIGINT,
  disabled INTEGER NOT NULL,
  created_at BIGINT NOT NULL
);

-- key_hash is the SHA-256 of the whole key, 64 hex digits. A key without a tenant is the operator's.
CREATE TABLE challenge_key (
  id TEXT NOT NULL PRIMARY KEY,
  tenant TEXT REFERENCES challenge_tenant (name) ON DELETE CASCADE,
  key_hash TEXT NOT NULL,
  note TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE INDEX challenge_registration_by_tenant ON challenge_registration (tenant, subdomain);
