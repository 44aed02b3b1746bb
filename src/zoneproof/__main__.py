"""Lets ``python -m zoneproof`` do what the ``zoneproof`` command does."""

from __future__ import annotations

from zoneproof.cli import main

if __name__ == "__main__":
    main()
