"""Lets ``python -m zoneproof`` do what the ``zoneproof`` command does."""

from zoneproof.cli import main

if __name__ == "__main__":
    main()
