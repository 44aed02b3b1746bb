"""What the tasks for web servers share: copy, have the server test its configuration, reload it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Sequence

from zoneproof.core.errors import DeploymentError
from zoneproof.deployment.contract import Occasion, TaskContext
from zoneproof.deployment.parts import access_of, wanted_files
from zoneproof.deployment.placement import Placement
from zoneproof.deployment.programs import run

SECONDS = 60.0  # for each program


async def copy_test_reload(
    context: TaskContext,
    occasion: Occasion,
    *,
    test: Sequence[str],
    reload: Callable[[], Awaitable[object]],
) -> str:
    """Put the files in place, run ``test``, and ``reload`` if it succeeds.

    If it does not, the old files come back, and the server, which was not reloaded, keeps serving
    as before. One certificate at a time, because a test that came between two files of
    another one would fail. Raises DeploymentError.
    """
    async with context.locks(("server", *test)):
        placement = Placement()
        wanted, access = wanted_files(context.fields, occasion), access_of(context.fields)
        writing = asyncio.create_task(asyncio.to_thread(placement.write, wanted, access))
        try:
            await asyncio.shield(writing)
            await run(test, seconds=SECONDS)
        except DeploymentError as error:
            if not await asyncio.to_thread(placement.restore):
                raise
            raise DeploymentError(f"{error.message}; the old files are back") from error
        except BaseException:  # it is to end; what was begun is undone first
            await asyncio.wait([writing])
            placement.restore()
            raise
        await reload()
        placement.keep()
    return f"{placement.describe()}; {shlex.join(test)} succeeded; reloaded"
