"""One lock for each thing that must not be changed twice at once: an account's zone, a name."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from weakref import WeakValueDictionary


class KeyedLocks:
    """Hands out the lock of a key; a lock that nobody holds or awaits is forgotten.

    Use as ``async with locks(key):``.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def __call__(self, key: Hashable) -> asyncio.Lock:
        """Return the lock of ``key``."""
        return self._locks.setdefault(key, asyncio.Lock())
