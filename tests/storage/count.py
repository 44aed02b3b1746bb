"""A process that writes to a database: ``count.py PATH FIRST LAST`` inserts those numbers.

It prints ``ready``, waits for a line, and prints each number after its commit was acknowledged.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from zoneproof.storage import Migration, open_sqlite

NUMBERS = [Migration("numbers", 1, ("CREATE TABLE number (n INTEGER PRIMARY KEY)",))]


async def main() -> None:
    """Write the numbers, eight at a time."""
    path, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    print("ready", flush=True)
    sys.stdin.readline()
    store = open_sqlite(path, NUMBERS)

    async def write(n: int) -> None:
        await store.write(
            lambda transaction: transaction.execute("INSERT INTO number VALUES (?)", (n,))
        )
        print(n, flush=True)

    for start in range(first, last, 8):
        await asyncio.gather(*(write(n) for n in range(start, min(start + 8, last))))
    await store.close()


asyncio.run(main())
