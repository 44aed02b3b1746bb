"""The task that copies a certificate to where something else reads it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from zoneproof.core.errors import InvalidInputError
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.deployment.parts import (
    PKCS12_FIELDS,
    access_of,
    file_fields,
    file_problems,
    paths_of,
    wanted_files,
)
from zoneproof.deployment.placement import Placement

_PARTS = ("cert", "chain", "fullchain", "key", "combined", "pkcs12")


class Copy:
    """Writes the files that its fields name, where they differ."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="copy",
        title="Copy files",
        fields=(*file_fields(*_PARTS), *PKCS12_FIELDS),
        example="fullchain=/etc/ssl/{name}.pem,key=/etc/ssl/private/{name}.pem",
        notes="Name at least one file. Each is replaced in one step, and only if it differs; all of"
        " them are, or none. Owner, group and mode are those given, else those of the file that is"
        " there; files with the key are otherwise for their owner alone. A symbolic link is"
        " replaced, not followed. The alias in the PKCS #12 file is the certificate's name; Java"
        " reads it in place of a JKS file.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._fields = context.fields
        if not paths_of(context.fields, ""):
            raise InvalidInputError(
                f"deployment task copy needs a field that names a file: {', '.join(_PARTS)}"
            )

    async def run(self, occasion: Occasion) -> str:
        """Write the files."""
        return await asyncio.to_thread(self._write, occasion)

    def _write(self, occasion: Occasion) -> str:
        placement = Placement()
        placement.write(wanted_files(self._fields, occasion), access_of(self._fields))
        placement.keep()
        return placement.describe()

    async def problems(self) -> list[str]:
        """Look at folders and owners."""
        return file_problems(self._fields)
