-- What an order is about to do and has done, so that a crash leaves nothing behind.
CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  certificate TEXT NOT NULL,
  directory_url TEXT NOT NULL,
  account_url TEXT NOT NULL,
  order_url TEXT NOT NULL,
  identifiers TEXT NOT NULL,
  profile TEXT NOT NULL,
  private_key TEXT,
  state TEXT NOT NULL,
  error TEXT NOT NULL,
  created_at TEXT NOT NULL
);
CREATE INDEX orders_by_certificate ON orders (certificate, state);

CREATE TABLE publications (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES orders (id),
  provider TEXT NOT NULL,
  fields TEXT NOT NULL,
  zone TEXT NOT NULL,
  zone_id TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  ttl INTEGER NOT NULL,
  UNIQUE (order_id, zone, name, value)
);
