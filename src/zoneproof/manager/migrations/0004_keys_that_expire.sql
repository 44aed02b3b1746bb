-- The day on which a credential's key expires, empty for none; how many days before that people
-- were told last, NULL for not yet.
ALTER TABLE credentials ADD COLUMN expires TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN expiry_told INTEGER;
