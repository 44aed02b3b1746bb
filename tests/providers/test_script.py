"""The script provider: the contract on a script that keeps records in a file, and its own rules."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import pytest

from tests.providers.contract_suite import (
    TTL,
    ChangesNothingTwice,
    FailsWell,
    Failure,
    HarnessWithSecond,
    HarnessWithTrouble,
    HarnessWithZones,
    KeepsItsDeadline,
    KeepsOtherValues,
    SharesNothing,
    StaysInItsZone,
    TakesAnyText,
    TakesManyAtOnce,
    challenge_value,
    check_message,
)
from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.core.names import DomainName
from zoneproof.providers import Provider, ProviderContext, Zone, open_provider

ZONE = Zone(DomainName.parse("example.com"))
# Keeps one JSON list for each record name in a folder, and minds no second process.
KEEPER = f"""#!{sys.executable} -IS
import json, os, sys
domain, record, value, zone_id = sys.argv[1:]
path = __file__ + "." + record + ".json"
values = json.load(open(path)) if os.path.exists(path) else []
values = [v for v in values if v != value]
if os.environ["ZONEPROOF_ACTION"] == "create":
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


class ScriptHarness(HarnessWithZones, HarnessWithTrouble, HarnessWithSecond):
    """The provider with a script whose records are files."""

    kinds: ClassVar = frozenset({ProviderError})  # a script has one way to fail

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.script = write_script(folder / "keeper", KEEPER)
        self.zone = ZONE
        self.look_alike = Zone(DomainName.parse("sub.example.com"))

    def make(self) -> Provider:
        return open_script(self.script)

    async def values(self, zone: Zone, name: str) -> list[str]:
        return self._kept(zone, name) or []

    async def has_records(self, name: str) -> bool:
        return self._kept(self.zone, name) is not None

    def _kept(self, zone: Zone, name: str) -> list[str] | None:
        path = Path(f"{self.script}.{zone.record(name)}.json")
        return [str(value) for value in json.loads(path.read_text())] if path.exists() else None

    def failures(self) -> Iterable[Failure]:
        script = write_script(
            self.folder / "broken", "#!/bin/sh\necho first >&2\necho no such zone >&2\nexit 3\n"
        )
        provider = open_script(script)
        says = ("script", "example.com", str(script), "no such zone", "3")
        add = Failure(ProviderError, lambda: provider.add_txt(ZONE, "a", "v", TTL), says)
        remove = Failure(ProviderError, lambda: provider.remove_txt(ZONE, "a", "v"), says)
        return [add, remove]

    async def against_silence(self) -> None:
        script = write_script(self.folder / "sleeper", "#!/bin/sh\nsleep 600\n")
        await open_script(script, timeout="0.3").add_txt(ZONE, "a", "v", TTL)

    def second(self) -> ScriptHarness:
        folder = self.folder / "second"
        folder.mkdir()
        return ScriptHarness(folder)


class TestContract(
    KeepsOtherValues,
    ChangesNothingTwice,
    TakesManyAtOnce,
    TakesAnyText,
    StaysInItsZone,
    KeepsItsDeadline,
    FailsWell,
    SharesNothing,
):
    """All clauses but other record types, which the script of these tests does not have."""

    @pytest.fixture
    def harness(self, tmp_path: Path) -> ScriptHarness:
        return ScriptHarness(tmp_path)


@pytest.fixture
def teller(tmp_path: Path) -> Path:
    """A script that writes its arguments and environment beside itself."""
    return write_script(
        tmp_path / "teller",
        f"#!{sys.executable} -IS\nimport json, os, sys\n"
        "json.dump([sys.argv[1:], dict(os.environ)], open(__file__ + '.json', 'w'))\n",
    )


def told(script: Path) -> tuple[list[str], dict[str, str]]:
    arguments, environment = json.loads(Path(f"{script}.json").read_text())
    return arguments, environment


@pytest.mark.parametrize(
    ("zone", "name", "domain", "record"),
    [
        ("example.com", "_acme-challenge", "example.com", "_acme-challenge.example.com"),
        (
            "example.com",
            "_acme-challenge.a.b",
            "a.b.example.com",
            "_acme-challenge.a.b.example.com",
        ),
        ("_acme-challenge.example.com", "", "example.com", "_acme-challenge.example.com"),
        ("example.com", "_zoneproof-test", "_zoneproof-test.example.com", ""),
    ],
)
async def test_arguments_are_domain_record_value_and_zone_id(
    teller: Path, zone: str, name: str, domain: str, record: str
) -> None:
    value = challenge_value()
    await open_script(teller, zone_id="Z42").add_txt(Zone(DomainName(zone)), name, value, TTL)
    arguments, environment = told(teller)
    record = record or domain
    assert arguments == [domain, record, value, "Z42"]
    assert {key: val for key, val in environment.items() if key.startswith("ZONEPROOF_")} == {
        "ZONEPROOF_ACTION": "create",
        "ZONEPROOF_DOMAIN": domain,
        "ZONEPROOF_RECORD": record,
        "ZONEPROOF_VALUE": value,
        "ZONEPROOF_ZONE": zone,
        "ZONEPROOF_ZONE_ID": "Z42",
    }


async def test_the_zone_id_of_the_settings_wins_over_the_zones_own(teller: Path) -> None:
    zone = Zone(ZONE.name, "from-the-zone")
    await open_script(teller).remove_txt(zone, "a", "v")
    arguments, environment = told(teller)
    assert arguments[3] == "from-the-zone"
    assert environment["ZONEPROOF_ACTION"] == "delete"
    await open_script(teller, zone_id="from-the-settings").remove_txt(zone, "a", "v")
    assert told(teller)[0][3] == "from-the-settings"


async def test_the_script_gets_nothing_else_of_our_environment(
    teller: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZONEPROOF_KEY", "must-stay-here")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials")
    await open_script(teller).add_txt(ZONE, "a", "v", TTL)
    environment = told(teller)[1]
    assert environment["PATH"] == os.environ["PATH"]
    assert "ZONEPROOF_KEY" not in environment
    assert "CREDENTIALS_DIRECTORY" not in environment


@pytest.mark.parametrize("value", ["$(touch /tmp/x)", "`id`", "a; exit 9", "-rf", "", "a\nb", "*"])
async def test_no_shell_touches_a_value(teller: Path, value: str) -> None:
    await open_script(teller).add_txt(ZONE, "a", value, TTL)
    assert told(teller)[0][2] == value


async def test_a_value_with_a_nul_is_refused(teller: Path) -> None:
    with pytest.raises(InvalidInputError, match="NUL"):
        await open_script(teller).add_txt(ZONE, "a", "a\0b", TTL)


@pytest.mark.parametrize(
    ("body", "last_words"),
    [
        ("exit 1", "nothing"),
        ("echo out; exit 1", "nothing"),
        ("printf '\\033[31mred\\033[0m\\a \\342\\200\\256bidi\\n\\n' >&2; exit 1", "red bidi"),
        ("printf '\\377\\376 bytes' >&2; exit 1", "\ufffd\ufffd bytes"),
        ("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1", "x" * 197 + "..."),
    ],
)
async def test_the_last_words_are_one_bounded_printable_line(
    tmp_path: Path, body: str, last_words: str
) -> None:
    script = write_script(tmp_path / "script", f"#!/bin/sh\n{body}\n")
    with pytest.raises(ProviderError) as caught:
        await open_script(script).add_txt(ZONE, "a", "v", TTL)
    check_message(caught.value, [])
    assert not caught.value.changed_nothing
    assert caught.value.message.endswith(f"its last words: {last_words}")


async def test_scripts_for_different_zones_run_at_the_same_time(tmp_path: Path) -> None:
    # Each end of a named pipe can be opened only when the other one is.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    script = write_script(
        tmp_path / "script",
        f"#!/bin/sh\ncase $1 in *.org) echo > {pipe};; *) read x < {pipe};; esac\n",
    )
    provider = open_script(script)
    await asyncio.gather(
        provider.add_txt(ZONE, "a", "v", TTL),
        provider.add_txt(Zone(DomainName("example.org")), "a", "v", TTL),
    )


async def test_a_script_that_was_killed_says_so(tmp_path: Path) -> None:
    script = write_script(tmp_path / "script", "#!/bin/sh\nkill -9 $$\n")
    with pytest.raises(ProviderError, match="signal 9"):
        await open_script(script).add_txt(ZONE, "a", "v", TTL)


async def test_the_timeout_kills_the_whole_process_group(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # The child of the script keeps the pipe open for writing until it dies.
    script = write_script(
        tmp_path / "script", f"#!/bin/sh\n(echo up; sleep 600; echo no) > {pipe} &\nwait\n"
    )
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(ProviderError, match=r"longer than 0\.5 seconds"):
            await open_script(script, timeout="0.5").add_txt(ZONE, "a", "v", TTL)
        os.set_blocking(reader, True)
        while os.read(reader, 100):
            pass  # the end of the file comes when no writer is left
    finally:
        os.close(reader)


async def test_a_child_left_behind_does_not_hold_the_order_up(tmp_path: Path) -> None:
    script = write_script(
        tmp_path / "script", f"#!/bin/sh\nsleep 600 &\necho $! > {tmp_path}/pid\nexit 0\n"
    )
    await open_script(script).add_txt(ZONE, "a", "v", TTL)
    os.kill(int((tmp_path / "pid").read_text()), 9)


@pytest.mark.parametrize(
    ("text", "mode", "word"),
    [
        (None, 0, "no such file"),
        ("#!/no/such/interpreter\n", 0o755, "interpreter"),
        ("#!/bin/sh\n", 0o644, "chmod"),
        ("\x7fnothing that runs", 0o755, "first line"),
    ],
)
async def test_a_script_that_cannot_be_run_is_told_with_advice(
    tmp_path: Path, text: str | None, mode: int, word: str
) -> None:
    script = tmp_path / "script"
    if text is not None:
        script.write_text(text)
        script.chmod(mode)
    with pytest.raises(ProviderError, match=word) as caught:
        await open_script(script).add_txt(ZONE, "a", "v", TTL)
    check_message(caught.value, [])
    assert caught.value.changed_nothing


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"create": "relative/path"}, "create"),
        ({"delete": "~/script"}, "delete"),
        ({"create": ""}, "create"),
        ({"create": "/a\0b"}, "create"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": "0"}, "timeout"),
        ({"timeout": "-1"}, "timeout"),
        ({"timeout": "nan"}, "timeout"),
        ({"timeout": "inf"}, "timeout"),
        ({"timeout": "3601"}, "timeout"),
        ({"shell": "true"}, "shell"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_name(
    changed: dict[str, str], word: str
) -> None:
    with pytest.raises(InvalidInputError, match=word) as caught:
        open_script(Path("/bin/true"), **changed)
    check_message(caught.value, [])
