"""What archives hold, for tests of ``zoneproof export`` and ``zoneproof import archive``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec

from tests.cli.inside import Inside
from tests.support.command import Result
from tests.support.full_home import issued
from zoneproof.manager import Credential, Home, open_manager
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


def take(inside: Inside, archive: Path, *options: str) -> Result:
    return inside.run("import", "archive", str(archive), "--passphrase", "env:PASSPHRASE", *options)


def statuses(result: Result) -> dict[tuple[str, str], str]:
    items = json.loads(result.stdout)["items"]
    return {(item["kind"], item["name"]): item["status"] for item in items}


async def differ(home: Path, *, with_definition: bool = True) -> None:
    async with open_manager(Home(home)) as manager:
        await manager.credentials.save(Credential("dns", "rfc2136", {"server": "192.0.2.9"}))
        if not with_definition:
            return
        definition = (await manager.certificates.get("a.example")).definition
        await manager.certificates.save(msgspec.structs.replace(definition, key_type="rsa4096"))
        manager.files.write("a.example", issued("a.example"))
