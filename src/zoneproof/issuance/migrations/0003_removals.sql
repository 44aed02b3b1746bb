-- What could not be removed: since when, how often it was tried, when it is tried again, and why it
-- failed. ``id`` is that of a publication or of an HTTP file.
CREATE TABLE failed_removals (
  id TEXT PRIMARY KEY,
  since TEXT NOT NULL,
  tries INTEGER NOT NULL,
  next_try_at TEXT NOT NULL,
  error TEXT NOT NULL
);
