"""Runs ``zoneproof``, and kills it with SIGKILL after or before one of its writes.

``before:confirm`` kills it when an account is about to be marked as registered, and so on: the
names are those of the methods of :class:`zoneproof.manager.Accounts`.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from zoneproof.cli import main
from zoneproof.manager import Accounts


def _crash(moment: str) -> None:
    when, _, name = moment.partition(":")
    write = vars(Accounts)[name]

    async def killed(accounts: Accounts, *arguments: Any) -> None:
        if when == "after":
            await write.__get__(accounts)(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(Accounts, name, killed)


if __name__ == "__main__":
    _crash(sys.argv.pop(1))
    main()
