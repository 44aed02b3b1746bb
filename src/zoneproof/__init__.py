"""Zoneproof: TLS certificates by DNS validation, and the DNS service that answers it."""

__version__ = "0.1.0"
