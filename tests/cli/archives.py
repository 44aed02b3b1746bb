"""What archives hold, for tests of ``zoneproof export`` and ``zoneproof import archive``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from zoneproof.manager import Home, open_manager
from zoneproof.migration.archive import Archive
from zoneproof.migration.move import collect

PASSPHRASE = "correct horse battery"


def content_of(home: Path) -> Archive:
    async def read() -> Archive:
        async with open_manager(Home(home)) as manager:
            return (await collect(manager, with_certificates=True)).archive

    return asyncio.run(read())


def comparable(archive: Archive) -> Archive:
    return msgspec.structs.replace(archive, written_at=None)
