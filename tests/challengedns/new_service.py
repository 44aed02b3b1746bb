"""``zoneproof challenge init``, as tests run it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.command import Result, run_zoneproof


def init(*options: str) -> Result:
    """Run the command; nobody is at the keyboard."""
    return run_zoneproof("challenge", "init", *options, timeout=90)


def run(
    command: list[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command as it was printed."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def options(folder: Path, **changed: str) -> list[str]:
    """Return options for a service in a folder, some of them ``changed``."""
    chosen = {
        "config": str(folder / "zoneproof.toml"),
        "database": str(folder / "state/challenge.db"),
        "zone": "auth.example.org",
        "address": "198.51.100.7",
        "user": "root",
        **changed,
    }
    return [f"--{name.replace('_', '-')}={value}" for name, value in chosen.items()]


def refused(*arguments: str) -> str:
    """Return the line with which the command refuses them."""
    done = init(*arguments)
    assert done.status == 2
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    return line
