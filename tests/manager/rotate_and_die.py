"""Rotates the vault key of a home, and kills itself before the given number of secrets is done."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from zoneproof.manager import Home, open_manager, rotate_key
from zoneproof.vault import Vault


def _die_after(count: int) -> None:
    reseal, done = Vault.reseal, 0

    def counted(vault: Vault, sealed: str, context: str) -> str | None:
        nonlocal done
        if done == count:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1
        return reseal(vault, sealed, context)

    Vault.reseal = counted  # type: ignore[method-assign, assignment]


async def _rotate(home: Path) -> None:
    async with open_manager(Home(home)) as manager:
        await rotate_key(manager)


if __name__ == "__main__":
    _die_after(int(sys.argv[2]))
    asyncio.run(_rotate(Path(sys.argv[1])))
