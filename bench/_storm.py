"""Sends API requests as fast as they are taken, from a process of its own that yields to others."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe

from bench._accounts import REGISTER_REQUEST, account, updates
from bench._http import call_for


class Storm:
    """A storm that blows; ``rate`` is set once it has ended."""

    rate: float = 0.0


@contextmanager
def storm(kind: str, address: tuple[str, int], connections: int, accounts: int) -> Iterator[Storm]:
    """Send ``register`` or ``update`` requests on so many connections, to the end of the block."""
    found = Storm()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_blow, args=(theirs, kind, address, connections, accounts))
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    try:
        ours.recv()
        yield found
        ours.send(None)
        found.rate = ours.recv()
    finally:
        process.terminate()
        process.join()


def _blow(pipe: Pipe, kind: str, address: tuple[str, int], connections: int, accounts: int) -> None:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    next_request = updates([account(number) for number in range(accounts)])
    if kind == "register":
        next_request = _register
    pipe.send(None)
    pipe.send(call_for(address, connections, next_request, pipe.poll))


def _register() -> bytes:
    return REGISTER_REQUEST
