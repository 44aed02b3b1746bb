"""The HTTP API: acme-dns calls, REST, licence keys on the wire, OpenAPI, the server."""
