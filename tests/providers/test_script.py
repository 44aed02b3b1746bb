"""The script provider: the contract on a script that keeps records in a file, and its own rules."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.providers.harness import challenge_value, check_message, txt
from tests.providers.script_harness import (
    ZONE,
    ScriptContract,
    open_script,
    told,
    write_script,
    write_teller,
)
from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.core.names import DomainName
from zoneproof.providers import Zone


class TestScript(ScriptContract):
    """The clauses of the script provider."""


@pytest.fixture
def teller(tmp_path: Path) -> Path:
    return write_teller(tmp_path)


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
    await open_script(teller, zone_id="Z42").add(Zone(DomainName(zone)), [txt(name, value)])
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
    await open_script(teller).remove(zone, [txt("a", "v")])
    arguments, environment = told(teller)
    assert arguments[3] == "from-the-zone"
    assert environment["ZONEPROOF_ACTION"] == "delete"
    await open_script(teller, zone_id="from-the-settings").remove(zone, [txt("a", "v")])
    assert told(teller)[0][3] == "from-the-settings"


async def test_the_script_gets_nothing_else_of_our_environment(
    teller: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZONEPROOF_KEY", "must-stay-here")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials")
    await open_script(teller).add(ZONE, [txt("a", "v")])
    environment = told(teller)[1]
    assert environment["PATH"] == os.environ["PATH"]
    assert "ZONEPROOF_KEY" not in environment
    assert "CREDENTIALS_DIRECTORY" not in environment


async def test_a_value_with_a_nul_is_refused_before_anything_is_run(teller: Path) -> None:
    with pytest.raises(InvalidInputError, match="NUL"):
        await open_script(teller).add(ZONE, [txt("a", "v"), txt("a", "a\0b")])
    assert not Path(f"{teller}.json").exists()


async def test_a_failure_ends_with_the_last_words(tmp_path: Path) -> None:
    script = write_script(tmp_path / "script", "#!/bin/sh\necho one >&2\necho two >&2\nexit 1\n")
    with pytest.raises(ProviderError) as caught:
        await open_script(script).add(ZONE, [txt("a", "v")])
    check_message(caught.value, [])
    assert not caught.value.changed_nothing
    assert caught.value.message.endswith("failed with exit status 1; its last output: two")


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
        provider.add(ZONE, [txt("a", "v")]),
        provider.add(Zone(DomainName("example.org")), [txt("a", "v")]),
    )


async def test_after_the_timeout_the_record_may_have_been_changed(tmp_path: Path) -> None:
    script = write_script(tmp_path / "script", "#!/bin/sh\nsleep 600\n")
    with pytest.raises(ProviderError, match=r"longer than 0\.5 seconds.* field timeout") as caught:
        await open_script(script, timeout="0.5").add(ZONE, [txt("a", "v")])
    check_message(caught.value, [])
    assert not caught.value.changed_nothing


async def test_a_script_that_cannot_be_run_changed_nothing(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="cannot be run: there is no such file") as caught:
        await open_script(tmp_path / "script").add(ZONE, [txt("a", "v")])
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
