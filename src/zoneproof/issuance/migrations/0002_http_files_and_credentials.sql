-- Files that answer http-01 challenges, and which stored credential a value was published with.
ALTER TABLE publications ADD COLUMN credential TEXT NOT NULL DEFAULT '';

CREATE TABLE http_files (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES orders (id),
  webroot TEXT NOT NULL,
  token TEXT NOT NULL,
  folders INTEGER NOT NULL,
  UNIQUE (order_id, webroot, token)
);
CREATE INDEX http_files_by_webroot ON http_files (webroot);
