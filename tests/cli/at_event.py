"""Does something to the running ``zoneproof --json`` at its first event of a given name."""

from __future__ import annotations

import sys
from collections.abc import Callable

from zoneproof.cli import events
from zoneproof.cli.output import json_line
from zoneproof.issuance import Event


def at_event(name: str, act: Callable[[], object]) -> None:
    """Call ``act`` once the event was told."""

    def told(event: Event) -> None:
        json_line(event)
        sys.stdout.flush()
        if event.__struct_config__.tag == name:
            act()

    vars(events)["json_line"] = told
