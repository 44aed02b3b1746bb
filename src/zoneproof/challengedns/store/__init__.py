"""Registrations, tenants and keys in the database, and how workers learn of changes."""
