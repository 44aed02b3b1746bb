"""Real servers for the tests: Pebble, Knot, NSD, Unbound, BIND, on random loopback ports."""

from __future__ import annotations

import os
from pathlib import Path

TOOLS = Path(__file__).parents[3] / ".tools"
_DNS = TOOLS / "dns"

os.environ.setdefault("ZONEPROOF_PEBBLE", str(TOOLS / "pebble/usr/bin/pebble"))


def dns_tool(name: str) -> str:
    """Return the path of a DNS server's or system's program that scripts/install unpacked."""
    for folder in ("usr/sbin", "usr/bin"):
        path = _DNS / folder / name
        if path.exists():
            return str(path)
    raise FileNotFoundError(f"{name} is not in {_DNS}: run scripts/install test")


def dns_tool_environment() -> dict[str, str]:
    """Return what those programs need to find their libraries."""
    folders = [
        str(path) for part in ("usr/lib", "lib") for path in (_DNS / part).glob("*-linux-gnu*")
    ]
    # systemd keeps a library in a folder of its own.
    libraries = [*folders, *(f"{folder}/systemd" for folder in folders)]
    return {"LD_LIBRARY_PATH": ":".join(libraries)}
