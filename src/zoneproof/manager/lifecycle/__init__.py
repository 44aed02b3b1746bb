"""What is done with a certificate: preview, issue, renew, revoke, and tell of it."""
