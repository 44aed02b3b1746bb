"""Accounts at CAs: stored, registered, signed in to."""
