-- What a certificate is to become once an order has worked, sealed; NULL for no change.
ALTER TABLE certificates ADD COLUMN pending TEXT;
