"""Runs ``zoneproof``, and kills it with SIGKILL at the first event of the given name."""

from __future__ import annotations

import os
import signal
import sys

from zoneproof.cli import main, output
from zoneproof.issuance import Event


def _crash_at(name: str) -> None:
    tell = output.json_line

    def told(event: Event) -> None:
        tell(event)
        sys.stdout.flush()
        if event.__struct_config__.tag == name:
            os.kill(os.getpid(), signal.SIGKILL)

    output.json_line = told


if __name__ == "__main__":
    _crash_at(sys.argv.pop(1))
    main()
