"""Shares the machine's cores so that DNS answers do not wait for the API."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection


def give_way() -> tuple[int, ...]:
    """Keep this process to one core, and return the cores that it had.

    Python runs on one core at a time anyway, and without this the API's threads take turns on all
    of them. As batch work they also interrupt nobody when they wake. What is begun from here on
    inherits both; a DNS worker undoes it with :func:`use`. Elsewhere than on Linux nothing happens.
    """
    if sys.platform != "linux":
        return ()
    cores = tuple(sorted(os.sched_getaffinity(0)))
    _set(cores[-1:], os.SCHED_BATCH)
    return cores


def use(cores: Collection[int]) -> None:
    """Run as ordinary work on these cores, those that :func:`give_way` returned."""
    if sys.platform == "linux" and cores:
        _set(cores, os.SCHED_OTHER)


if sys.platform == "linux":

    def _set(cores: Collection[int], policy: int) -> None:
        # A sandbox may forbid it, and then everything is only slower under load.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, cores)
            os.sched_setscheduler(0, policy, os.sched_param(0))
