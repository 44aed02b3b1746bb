"""Clients that others wrote, and our own manager, use the challenge service to get certificates."""
