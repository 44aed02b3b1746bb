"""Opening what may keep others waiting: another process may hold a database for many seconds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def open_in_thread(opening: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> T:
    """Return what ``opening`` returns, while the event loop goes on with all else.

    If the caller is cancelled meanwhile, what has been opened is closed. Raises what ``opening``
    raises.
    """
    task = asyncio.ensure_future(asyncio.to_thread(opening))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # The thread cannot be stopped, and nobody else will know of what it opens.
        with contextlib.suppress(Exception):
            await close(await task)
        raise
