"""Announces every third generation, and ends with 1 if a lower one is noted after that."""

from __future__ import annotations

import sys
from pathlib import Path

from zoneproof.challengedns.store.announcements import Announcements

if __name__ == "__main__":
    announcements = Announcements(Path(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.read()
    for generation in range(int(sys.argv[2]), 30_003, 3):
        announcements.announce(generation)
        if announcements.highest(generation) < generation:
            sys.exit(1)
