"""Runs ``zoneproof``, and kills it with SIGKILL at the first event of the given name."""

from __future__ import annotations

import os
import signal
import sys

from tests.cli.at_event import at_event
from zoneproof.cli import main

if __name__ == "__main__":
    at_event(sys.argv.pop(1), lambda: os.kill(os.getpid(), signal.SIGKILL))
    main()
