"""The command line of the endurance runs: ``python -m bench.soak packets --count 10000000``."""

from __future__ import annotations

import argparse
import secrets
import sys
from importlib import import_module

from bench.soak.progress import SoakError

_RUNS = {
    "packets": (10_000_000, "hostile packets, answered in process and by a running service"),
    "kills": (200, "times kill -9 of the whole service under load"),
    "day": (1_000_000, "registrations, one day of whose traffic is replayed"),
    "connections": (200_000, "connections, one after the other, and crowds that hold thousands"),
    "nodes": (100, "faults of three nodes and their database, under updates"),
    "deploy": (100, "times kill -9 of 'zoneproof renew' while it deploys"),
    "renewals": (300, "times kill -9 of 'zoneproof renew'"),
}


def main() -> int:
    """Run what the arguments name, and return the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    runs = parser.add_subparsers(dest="run", required=True)
    for name, (count, what) in _RUNS.items():
        run = runs.add_parser(name, help=f"{count:,} {what}")
        run.add_argument("--count", type=int, default=count, help=f"how many {what}")
        run.add_argument("--seed", type=int, default=None, help="repeats what an earlier run did")
    arguments = parser.parse_args()
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    print(f"{arguments.run}: {arguments.count:,} {_RUNS[arguments.run][1]}; --seed {seed}")
    try:
        import_module(f"bench.soak.{arguments.run}").run(arguments.count, seed)
    except SoakError as error:
        print(f"\n{arguments.run} FAILED: {error}\nagain with --seed {seed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
