-- The sessions of a key are found by it: the newest stay, and all end with it.
CREATE INDEX challenge_session_by_key ON challenge_session (key_id, expires_at);
