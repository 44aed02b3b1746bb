"""Does something to the running ``zoneproof --json`` at its first event of a given name."""

from __future__ import annotations

import sys
from collections.abc import Callable

from zoneproof.cli import output
from zoneproof.issuance import Event


def at_event(name: str, act: Callable[[], object]) -> None:
    """Call ``act`` once the event was told."""
    tell = output.json_line

    def told(event: Event) -> None:
        tell(event)
        sys.stdout.flush()
        if event.__struct_config__.tag == name:
            act()

    output.json_line = told
