"""The exec provider: the contract on a program with lego's arguments, and its own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.providers.harness import challenge_value, txt
from tests.providers.script_harness import (
    KEEPER,
    ZONE,
    ScriptContract,
    ScriptHarness,
    told,
    write_teller,
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


async def test_arguments_are_those_of_lego(tmp_path: Path) -> None:
    teller = write_teller(tmp_path)
    value = challenge_value()
    await open_exec(teller).add(ZONE, [txt("_acme-challenge", value)])
    assert told(teller)[0] == ["present", "_acme-challenge.example.com.", value]
    await open_exec(teller).remove(ZONE, [txt("_acme-challenge", value)])
    assert told(teller)[0] == ["cleanup", "_acme-challenge.example.com.", value]


def test_raw_mode_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="key authorization"):
        open_exec(Path("/bin/true"), mode="RAW")
