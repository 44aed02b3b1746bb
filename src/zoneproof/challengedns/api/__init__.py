"""The HTTP API: acme-dns calls, REST, licence keys, OpenAPI."""
