-- Times end in Z, as programs get them everywhere.
UPDATE accounts SET created_at = replace(created_at, '+00:00', 'Z');
UPDATE registrations SET created_at = replace(created_at, '+00:00', 'Z');
UPDATE certificates SET created_at = replace(created_at, '+00:00', 'Z');
UPDATE history SET at = replace(at, '+00:00', 'Z');
UPDATE credentials SET
  created_at = replace(created_at, '+00:00', 'Z'), changed_at = replace(changed_at, '+00:00', 'Z');
UPDATE users SET
  created_at = replace(created_at, '+00:00', 'Z'), signed_in_at = replace(signed_in_at, '+00:00', 'Z');
UPDATE sign_in_links SET expires_at = replace(expires_at, '+00:00', 'Z');
UPDATE sessions SET
  created_at = replace(created_at, '+00:00', 'Z'), seen_at = replace(seen_at, '+00:00', 'Z');
UPDATE api_tokens SET
  expires_at = replace(expires_at, '+00:00', 'Z'), created_at = replace(created_at, '+00:00', 'Z'),
  used_at = replace(used_at, '+00:00', 'Z');
UPDATE audit SET at = replace(at, '+00:00', 'Z');
UPDATE passkeys SET
  created_at = replace(created_at, '+00:00', 'Z'), used_at = replace(used_at, '+00:00', 'Z');
