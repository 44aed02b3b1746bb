"""A systemd with a unit that can be reloaded: the real one where it runs, else a stand-in.

The stand-in answers as ``systemctl`` of systemd 252 does, with its words and exit statuses.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 30


@dataclass(frozen=True)
class Unit:
    """A service that notes each reload in a file. ``path`` has the ``systemctl`` that knows it."""

    name: str
    scope: str
    noted: Path
    path: str

    @property
    def reloads(self) -> int:
        """How often it was reloaded."""
        return len(self.noted.read_text().splitlines()) if self.noted.exists() else 0


def running_scope() -> str | None:
    """Return whose systemd runs here and may be used: ``user``, ``system`` or nobody's (None)."""
    scopes = ["user", "system"] if os.geteuid() == 0 else ["user"]
    if not shutil.which("systemctl") or not shutil.which("systemd-run"):
        return None
    return next(
        (one for one in scopes if _succeeds("systemctl", f"--{one}", "show-environment")), None
    )


@contextmanager
def unit(folder: Path) -> Iterator[Unit]:
    """Run a service with a random name until the block ends."""
    name, noted = f"zoneproof-test-{secrets.token_hex(6)}", folder / "reloads"
    scope = running_scope()
    if scope is None:
        yield Unit(name, "user", noted, f"{_stand_in(folder, name, noted)}:{os.environ['PATH']}")
        return
    reload = f"ExecReload=/bin/sh -c 'echo reloaded >>{noted}'"
    command = ["systemd-run", f"--{scope}", "--quiet", f"--unit={name}", f"--property={reload}"]
    subprocess.run([*command, "sleep", "3600"], check=True, timeout=_SECONDS)
    try:
        yield Unit(name, scope, noted, os.environ["PATH"])
    finally:
        stop = ["systemctl", f"--{scope}", "stop", "--", name]
        subprocess.run(stop, check=True, timeout=_SECONDS)


def _succeeds(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _stand_in(folder: Path, name: str, noted: Path) -> Path:
    programs = folder / "bin"
    programs.mkdir()
    program = programs / "systemctl"
    program.write_text(f"""#!/bin/sh
case "$*" in
  "--no-ask-password --user show --property=LoadState --value -- {name}") echo loaded ;;
  "--no-ask-password --user show --property=LoadState --value -- "*) echo not-found ;;
  "--no-ask-password --user reload -- {name}") echo reloaded >>{noted} ;;
  "--no-ask-password --user reload -- "*)
    echo "Failed to reload $5.service: Unit $5.service not found." >&2; exit 5 ;;
  *) echo "the stand-in does not know $*" >&2; exit 1 ;;
esac
""")
    program.chmod(0o755)
    return programs
