-- ACME accounts, and registrations at challenge services.
CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  directory_url TEXT NOT NULL UNIQUE,
  account_url TEXT NOT NULL,
  private_key TEXT NOT NULL,
  contact TEXT NOT NULL,
  created_at TEXT NOT NULL
);

CREATE TABLE registrations (
  id TEXT PRIMARY KEY,
  server TEXT NOT NULL,
  domain TEXT NOT NULL,
  fulldomain TEXT NOT NULL,
  subdomain TEXT NOT NULL,
  username TEXT NOT NULL,
  password TEXT NOT NULL,
  created_at TEXT NOT NULL,
  UNIQUE (server, domain)
);
CREATE INDEX registrations_by_fulldomain ON registrations (server, fulldomain);
