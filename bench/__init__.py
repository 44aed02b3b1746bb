"""Benchmarks: each prints Zoneproof's figure beside a real peer's, measured in one run."""
