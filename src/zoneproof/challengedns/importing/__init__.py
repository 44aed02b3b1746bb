"""Takes over the database of an acme-dns."""
