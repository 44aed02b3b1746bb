"""The script provider with a script that keeps records in files, and what others test alike."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import pytest

from tests.providers.contract_suite import (
    ChangesNothingTwice,
    FailsInTheMiddle,
    FailsWell,
    KeepsItsDeadline,
    KeepsOtherValues,
    SharesNothing,
    StaysInItsZone,
    TakesAnyText,
    TakesBatches,
    TakesManyAtOnce,
)
from tests.providers.harness import (
    Failure,
    HarnessWithRefusal,
    HarnessWithSecond,
    HarnessWithTrouble,
    HarnessWithZones,
    txt,
)
from zoneproof.core.errors import ProviderError
from zoneproof.core.names import DomainName
from zoneproof.providers import Provider, ProviderContext, TxtRecord, Zone, open_provider

ZONE = Zone(DomainName.parse("example.com"))
# Keeps one JSON list for each record name in a folder, and minds no second process.
KEEPER = f"""#!{sys.executable} -IS
import json, os, sys
domain, record, value, zone_id = sys.argv[1:]
path = __file__ + "." + record + ".json"
values = json.load(open(path)) if os.path.exists(path) else []
values = [v for v in values if v != value]
if os.environ["ZONEPROOF_ACTION"] == "create":
    if value == "refused":
        sys.exit("it takes no such value")
    values.append(value)
if values:
    json.dump(values, open(path, "w"))
elif os.path.exists(path):
    os.remove(path)
"""


def write_script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def open_script(script: Path, **changed: str) -> Provider:
    fields = {"create": str(script), "delete": str(script)} | changed
    return open_provider("script", ProviderContext(fields))


class ScriptHarness(HarnessWithZones, HarnessWithTrouble, HarnessWithSecond, HarnessWithRefusal):
    """The provider with a script whose records are files."""

    kinds: ClassVar = frozenset({ProviderError})  # a script has one way to fail
    keeper: ClassVar[str] = KEEPER
    slug: ClassVar[str] = "script"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.script = write_script(folder / "keeper", self.keeper)
        self.zone = ZONE
        self.look_alike = Zone(DomainName.parse("sub.example.com"))

    def open_program(self, program: Path, **changed: str) -> Provider:
        return open_script(program, **changed)

    def make(self) -> Provider:
        return self.open_program(self.script)

    async def values(self, zone: Zone, name: str) -> list[str]:
        return self._kept(zone, name) or []

    async def has_records(self, name: str) -> bool:
        return self._kept(self.zone, name) is not None

    def _kept(self, zone: Zone, name: str) -> list[str] | None:
        path = Path(f"{self.script}.{zone.record(name)}.json")
        return [str(value) for value in json.loads(path.read_text())] if path.exists() else None

    async def refused_record(self) -> TxtRecord:
        return txt(await self.new_name(), "refused")

    def failures(self) -> Iterable[Failure]:
        script = write_script(
            self.folder / "broken", "#!/bin/sh\necho first >&2\necho no such zone >&2\nexit 3\n"
        )
        provider = self.open_program(script)
        says = (self.slug, "example.com", str(script), "no such zone", "3")
        add = Failure(ProviderError, lambda: provider.add(ZONE, [txt("a", "v")]), says)
        remove = Failure(ProviderError, lambda: provider.remove(ZONE, [txt("a", "v")]), says)
        return [add, remove]

    async def against_silence(self) -> None:
        script = write_script(self.folder / "sleeper", "#!/bin/sh\nsleep 600\n")
        await self.open_program(script, timeout="0.3").add(ZONE, [txt("a", "v")])

    def second(self) -> ScriptHarness:
        folder = self.folder / "second"
        folder.mkdir()
        return type(self)(folder)


class ScriptContract(
    KeepsOtherValues,
    ChangesNothingTwice,
    TakesBatches,
    FailsInTheMiddle,
    TakesManyAtOnce,
    TakesAnyText,
    StaysInItsZone,
    KeepsItsDeadline,
    FailsWell,
    SharesNothing,
):
    """All clauses but two: the script of these tests has TXT records only, and what one that fails
    has done before is never known.
    """

    @pytest.fixture
    def harness(self, tmp_path: Path) -> ScriptHarness:
        return ScriptHarness(tmp_path)


def write_teller(folder: Path) -> Path:
    """Return a script that writes its arguments and environment beside itself."""
    return write_script(
        folder / "teller",
        f"#!{sys.executable} -IS\nimport json, os, sys\n"
        "json.dump([sys.argv[1:], dict(os.environ)], open(__file__ + '.json', 'w'))\n",
    )


def told(script: Path) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and the environment that were written."""
    arguments, environment = json.loads(Path(f"{script}.json").read_text())
    return arguments, environment
