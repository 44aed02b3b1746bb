"""The challenge service: an authoritative DNS server and an HTTP API, compatible with acme-dns."""
