"""The ``zoneproof challenge`` commands."""
