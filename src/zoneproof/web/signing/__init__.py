"""Signing in, and the pages about who may."""
