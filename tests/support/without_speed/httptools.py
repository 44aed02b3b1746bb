"""Stands in the way of httptools, as if the extra "speed" were not installed."""

raise ImportError
