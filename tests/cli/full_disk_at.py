"""Runs ``zoneproof``, for which the disk is full from the first event of the given name on.

No file may grow beyond 100 bytes then: less than a key has, and than the database has already.
"""

from __future__ import annotations

import resource
import sys

from tests.cli.at_event import at_event
from zoneproof.cli import main

ROOM = 100

if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    at_event(sys.argv.pop(1), lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, most)))
    main()
