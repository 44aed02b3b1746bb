"""Managed certificates: definition, state, accounts and files."""
