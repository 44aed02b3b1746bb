"""Pebble and background servers, for the demo and for tests."""
