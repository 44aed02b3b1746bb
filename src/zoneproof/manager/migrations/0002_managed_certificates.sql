-- Managed certificates, their state and history; stored credentials; several accounts at one CA.
CREATE TABLE certificates (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  definition TEXT NOT NULL,
  pkcs12_password TEXT,
  state TEXT NOT NULL,
  created_at TEXT NOT NULL
);

CREATE TABLE history (
  id TEXT PRIMARY KEY,
  certificate TEXT NOT NULL,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  message TEXT NOT NULL
);
CREATE INDEX history_by_certificate ON history (certificate, at);

CREATE TABLE credentials (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  provider TEXT NOT NULL,
  fields TEXT NOT NULL,
  dns TEXT NOT NULL,
  created_at TEXT NOT NULL,
  changed_at TEXT NOT NULL
);

CREATE TABLE accounts_2 (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  directory_url TEXT NOT NULL,
  account_url TEXT NOT NULL,
  private_key TEXT NOT NULL,
  next_key TEXT,
  contact TEXT NOT NULL,
  ca_bundle TEXT NOT NULL,
  allow_http INTEGER NOT NULL,
  created_at TEXT NOT NULL
);
INSERT INTO accounts_2
  SELECT id,
    CASE directory_url
      WHEN 'https://acme-v02.api.letsencrypt.org/directory' THEN 'letsencrypt'
      WHEN 'https://acme-staging-v02.api.letsencrypt.org/directory' THEN 'letsencrypt-staging'
      WHEN 'https://acme.zerossl.com/v2/DV90' THEN 'zerossl'
      WHEN 'https://dv.acme-v02.api.pki.goog/directory' THEN 'google'
      WHEN 'https://dv.acme-v02.test-api.pki.goog/directory' THEN 'google-staging'
      WHEN 'https://acme.ssl.com/sslcom-dv-ecc' THEN 'sslcom'
      WHEN 'https://acme.ssl.com/sslcom-dv-rsa' THEN 'sslcom-rsa'
      ELSE directory_url
    END,
    directory_url, account_url, private_key, NULL, contact, '', 0, created_at
  FROM accounts;
DROP TABLE accounts;
ALTER TABLE accounts_2 RENAME TO accounts;
