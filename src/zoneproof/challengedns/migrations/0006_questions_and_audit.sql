-- When registrations were last asked for, and who did what.

-- The last TXT question for a registration: when (seconds since 1970), from which network, and how
-- many values it got; -1 where it was told to come by TCP. A minute late at most, and lost with a
-- crash.
CREATE TABLE challenge_question (
  subdomain TEXT NOT NULL PRIMARY KEY REFERENCES challenge_registration (subdomain)
    ON DELETE CASCADE,
  asked_at BIGINT NOT NULL,
  network TEXT NOT NULL,
  answered INTEGER NOT NULL
);

-- The audit log. number rises by one with each entry; at is in seconds since 1970. tenant is whom
-- it concerns, '' for none. author is whose share of the log it takes: '' for the operator, a
-- tenant's name, or '?' for somebody who is not signed in.
CREATE TABLE challenge_audit (
  number BIGINT NOT NULL PRIMARY KEY,
  at BIGINT NOT NULL,
  who TEXT NOT NULL,
  address TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  result TEXT NOT NULL,
  tenant TEXT NOT NULL,
  author TEXT NOT NULL
);
CREATE INDEX challenge_audit_by_tenant ON challenge_audit (tenant, number);
CREATE INDEX challenge_audit_by_author ON challenge_audit (author, number);
