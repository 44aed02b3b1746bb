"""How this program is called here, for the commands that people are told to run next."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def own_command() -> str:
    """Return what a shell on this machine knows this program by: it need not be on PATH."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m zoneproof"
    on_path = shutil.which(program.name)
    if on_path and Path(on_path).resolve() == program.resolve():
        return program.name
    return shlex.quote(str(program.absolute()))
