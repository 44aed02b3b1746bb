"""Stands in the way of uvloop, as if the extra "speed" were not installed."""

raise ImportError
