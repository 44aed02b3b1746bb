"""An async ACME client (RFC 8555, RFC 9773): a library of its own."""
