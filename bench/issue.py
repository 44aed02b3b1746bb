"""One certificate of 1, 20 and 100 names from Pebble: Zoneproof beside certbot.

Pebble accepts every validation without asking, and both clients publish through a hook that does
nothing (/bin/true), so that what is measured is the clients: start-up, requests, files. Pebble
rejects no nonces, because certbot retries those once only and would fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench._pairs import print_pair, time_pairs
from tests.support.peers.certbot import certonly_command
from tests.support.peers.knot import Knot
from tests.support.world import zone_text
from zoneproof.testing.pebble import Pebble

SIZES = (1, 20, 100)
RUNS = 5


def main() -> None:
    """Print a line for each number of names."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            Knot(folder / "knot", {"bench.test": zone_text("bench.test")}) as knot,
            Pebble(
                folder / "pebble",
                environment={
                    "PEBBLE_VA_ALWAYS_VALID": "1",
                    "PEBBLE_WFE_NONCEREJECT": "0",
                },
            ) as pebble,
        ):
            for size in SIZES:
                names = [f"h{number}.bench.test" for number in range(size)]
                pair = time_pairs(
                    _zoneproof(folder, pebble, knot, names), _certbot(folder, pebble, names), RUNS
                )
                print_pair(f"{size} names", pair, "certbot")


def _zoneproof(folder: Path, pebble: Pebble, knot: Knot, names: list[str]) -> Callable[[], object]:
    command = [
        str(Path(sys.executable).with_name("zoneproof")),
        "issue",
        *names,
        "--name=bench",
        "--provider=script",
        "--field=create=/bin/true",
        "--field=delete=/bin/true",
        "--propagation=0",
        f"--resolver=127.0.0.1:{knot.port}",
        f"--directory={pebble.directory_url}",
        f"--ca-bundle={pebble.ca_bundle}",
        "--agree-tos",
    ]
    environment = {**os.environ, "ZONEPROOF_HOME": str(folder / "zoneproof")}
    return lambda: _run(command, environment)


def _certbot(folder: Path, pebble: Pebble, names: list[str]) -> Callable[[], object]:
    command = certonly_command(
        pebble.directory_url,
        folder / "certbot",
        "--manual",
        "--preferred-challenges=dns",
        "--manual-auth-hook=/bin/true",
        "--manual-cleanup-hook=/bin/true",
        "--force-renewal",
        "--expand",
        "--cert-name=bench",
        "--key-type=ecdsa",
        *(f"--domain={name}" for name in names),
    )
    environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(pebble.ca_bundle)}
    return lambda: _run(command, environment)


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stdout[-500:]}{done.stderr[-1500:]}")


if __name__ == "__main__":
    main()
