"""The exec provider: the contract on a program with lego's arguments, and its own rules."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.providers.harness import challenge_value, txt
from tests.providers.test_script import (
    KEEPER,
    ZONE,
    ScriptHarness,
    told,
    write_script,
)
from tests.providers.test_script import (
    TestContract as ScriptContract,
)
from zoneproof.core.errors import InvalidInputError
from zoneproof.providers import Provider, ProviderContext, open_provider

# The keeper of the script's tests, with lego's arguments.
LEGO_KEEPER = KEEPER.replace(
    "domain, record, value, zone_id = sys.argv[1:]",
    "action, record, value = sys.argv[1:]; record = record.removesuffix('.')",
).replace('os.environ["ZONEPROOF_ACTION"] == "create"', 'action == "present"')


def open_exec(program: Path, **changed: str) -> Provider:
    return open_provider("exec", ProviderContext({"program": str(program)} | changed))


class ExecHarness(ScriptHarness):
    keeper = LEGO_KEEPER
    slug = "exec"

    def open_program(self, program: Path, **changed: str) -> Provider:
        return open_exec(program, **changed)


class TestExec(ScriptContract):
    """The clauses of the script provider."""

    @pytest.fixture
    def harness(self, tmp_path: Path) -> ScriptHarness:
        return ExecHarness(tmp_path)


del ScriptContract  # or its tests would run here as well


async def test_arguments_are_those_of_lego(tmp_path: Path) -> None:
    teller = write_script(
        tmp_path / "teller",
        f"#!{sys.executable} -IS\nimport json, os, sys\n"
        "json.dump([sys.argv[1:], dict(os.environ)], open(__file__ + '.json', 'w'))\n",
    )
    value = challenge_value()
    await open_exec(teller).add(ZONE, [txt("_acme-challenge", value)])
    assert told(teller)[0] == ["present", "_acme-challenge.example.com.", value]
    await open_exec(teller).remove(ZONE, [txt("_acme-challenge", value)])
    assert told(teller)[0] == ["cleanup", "_acme-challenge.example.com.", value]


def test_raw_mode_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="key authorization"):
        open_exec(Path("/bin/true"), mode="RAW")
