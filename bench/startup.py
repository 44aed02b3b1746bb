"""Start-up: ``zoneproof --help`` beside ``certbot --version``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench._pairs import print_pair, time_pairs

RUNS = 15


def main() -> None:
    """Print one line."""
    folder = Path(sys.executable).parent
    pair = time_pairs(
        lambda: _run(folder / "zoneproof", "--help"),
        lambda: _run(folder / "certbot", "--version"),
        RUNS,
    )
    print_pair("start-up", pair, "certbot")


def _run(program: Path, argument: str) -> None:
    subprocess.run([program, argument], stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
