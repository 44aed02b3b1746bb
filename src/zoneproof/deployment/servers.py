"""What the tasks for web servers share: copy, have the server test its configuration, reload it."""

from __future__ import annotations

import asyncio
import shlex
from contextlib import suppress
from typing import ClassVar

from zoneproof.core.errors import DeploymentError
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.deployment.parts import access_of, file_problems, wanted_files
from zoneproof.deployment.placement import Placement
from zoneproof.deployment.programs import program_problems, run, split_words

SECONDS = 60.0  # for each program


class WebServer:
    """A task with the field ``program``, which ``tests`` and ``reloads`` with these arguments.

    A new configuration is tested with the files in place. If the test fails, the old files come
    back, and the server, which was not reloaded, keeps serving as before. One certificate at a
    time, because a test that came between two files of another one would fail.
    """

    info: ClassVar[TaskInfo]
    tests: ClassVar[tuple[str, ...]]
    reloads: ClassVar[tuple[str, ...]] = ()
    stopped: ClassVar[tuple[str, ...]] = ()  # words of a reload when the server does not run

    def __init__(self, context: TaskContext) -> None:
        self.context = context
        self.words = split_words("program", context.fields["program"])

    async def run(self, occasion: Occasion) -> str:
        """Have the server serve the certificate. Raises DeploymentError."""
        test = [*self.words, *self.tests]
        async with self.context.locks(("server", *test)):
            placement, fields = Placement(), self.context.fields
            wanted, access = wanted_files(fields, occasion), access_of(fields)
            writing = asyncio.create_task(asyncio.to_thread(placement.write, wanted, access))
            try:
                await asyncio.shield(writing)
                await run(test, seconds=SECONDS)
            except DeploymentError as error:
                try:
                    restored = await asyncio.to_thread(placement.restore)
                except DeploymentError as left:
                    raise DeploymentError(f"{error.message}; {left.message}") from error
                if not restored:
                    raise
                raise DeploymentError(f"{error.message}; the old files are back") from error
            except BaseException:  # it is to end; what was begun is undone first
                await asyncio.wait([writing])
                with suppress(DeploymentError):
                    placement.restore()
                raise
            placement.keep()  # which passed the test, so they stay even if the reload fails
            try:
                await self.reload()
            except DeploymentError as error:
                if not any(words in error.message for words in self.stopped):
                    raise
                raise DeploymentError(
                    f"{error.message}: {self.info.title} does not run: start it"
                ) from error
        return f"{placement.describe()}; {shlex.join(test)} succeeded; reloaded"

    async def reload(self) -> None:
        """Have the server read its configuration and files again. Raises DeploymentError."""
        await run([*self.words, *self.reloads], seconds=SECONDS)

    async def problems(self) -> list[str]:
        """Look for the program, and at folders and owners."""
        return [*program_problems(self.words), *file_problems(self.context.fields)]
