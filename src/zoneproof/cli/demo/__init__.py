"""The ``zoneproof demo`` command: a real certificate from an empty start, on one machine."""
