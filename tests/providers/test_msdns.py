"""The provider for Microsoft DNS, with a program in ssh's place that reads its few commands.

What PowerShell would do with them is read from the text: the commands are those of Microsoft's
reference of the DnsServer module and of Posh-ACME (2026), error ids those of winerror.h.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from tests.providers.contract_suite import (
    ChangesNothingTwice,
    FailsInTheMiddle,
    FailsWell,
    IsSureOfRefusals,
    KeepsItsDeadline,
    KeepsOtherValues,
    SharesNothing,
    StaysInItsZone,
    TakesBatches,
    TakesManyAtOnce,
)
from tests.providers.harness import Failure, challenge_value, txt
from tests.providers.script_harness import ZONE, ScriptHarness, write_script
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import Provider, ProviderContext, Zone, open_provider

SSH = f"""#!{sys.executable} -IS
import base64, json, os, re, sys
if sys.argv[-2] != "dns@win":
    sys.exit(255)
run = re.fullmatch("powershell -NoProfile -NonInteractive -EncodedCommand (\\S+)", sys.argv[-1])
lines = base64.b64decode(run[1]).decode("utf-16-le")
text = lambda name: re.search(name + "='((?:[^']|'')*)'", lines)[1].replace("''", "'")
zone, name, value = text("ZoneName"), text(r"\\$n"), text(r"\\$v")
if zone not in ("example.com", "sub.example.com"):
    print("WIN32 9601,Get-DnsServerZone The zone does not exist.", file=sys.stderr)
    sys.exit(1)
if value == "refused":
    print("WIN32 9563,Add-DnsServerResourceRecord Invalid.", file=sys.stderr)
    sys.exit(1)
whole = zone if name == "@" else name + "." + zone
path = __file__ + "." + whole + ".json"
values = json.load(open(path)) if os.path.exists(path) else []
adding = "Add-DnsServerResourceRecord" in lines
if adding and value not in values:
    values.append(value)
if not adding:
    values = [v for v in values if v != value]
if values:
    json.dump(values, open(path, "w"))
elif os.path.exists(path):
    os.remove(path)
"""


def open_msdns(ssh: Path, **changed: str) -> Provider:
    fields = {"host": "dns@win", "ssh": str(ssh)} | changed
    return open_provider("msdns", ProviderContext(fields))


class MsDnsHarness(ScriptHarness):
    keeper = SSH
    slug = "msdns"
    kinds: ClassVar = frozenset(
        {
            ProviderError,
            ProviderCredentialsError,
            ProviderPermissionError,
            ProviderUnavailableError,
            ProviderZoneError,
        }
    )

    def open_program(self, program: Path, **changed: str) -> Provider:
        return open_msdns(program, **changed)

    def failures(self) -> Iterable[Failure]:
        for kind, status, words in [
            (ProviderCredentialsError, 255, "dns@win: Permission denied (publickey)."),
            (ProviderUnavailableError, 255, "ssh: connect to host win port 22: timed out"),
            (ProviderPermissionError, 1, "WIN32 5,Get-DnsServerZone Access is denied."),
            (ProviderError, 1, "WIN32 9563,Add-DnsServerResourceRecord Invalid."),
        ]:
            path = self.folder / f"{kind.__name__}-ssh"
            ssh = write_script(path, f"#!/bin/sh\necho '{words}' >&2\nexit {status}\n")
            add = partial(open_msdns(ssh).add, ZONE, [txt("a", "v")])
            yield Failure(kind, add, ("msdns", "example.com", words))
        unknown = Zone(DomainName.parse("unknown.example"))
        add = partial(self.open().add, unknown, [txt("a", "v")])
        yield Failure(ProviderZoneError, add, ("unknown.example", "9601"))


class TestMsDns(
    KeepsOtherValues,
    ChangesNothingTwice,
    TakesBatches,
    FailsInTheMiddle,
    IsSureOfRefusals,
    TakesManyAtOnce,
    StaysInItsZone,
    KeepsItsDeadline,
    FailsWell,
    SharesNothing,
):
    """All clauses that need no records of other types, for values without quotes."""

    @pytest.fixture
    def harness(self, tmp_path: Path) -> ScriptHarness:
        return MsDnsHarness(tmp_path)


async def test_what_goes_to_powershell_is_quoted(tmp_path: Path) -> None:
    ssh = write_script(tmp_path / "ssh", '#!/bin/sh\nprintf "%s\\n" "$@" > "$0.txt"\n')
    provider = open_msdns(ssh, identity="/etc/key", server="o'dns", zone_scope="out")
    value = challenge_value()
    await provider.remove(ZONE, [txt("_acme-challenge", value)])
    *options, host, run = (tmp_path / "ssh.txt").read_text().splitlines()
    assert options[:4] == ["-o", "BatchMode=yes", "-o", "ConnectTimeout=15"]
    assert options[-5:] == ["-i", "/etc/key", "-o", "IdentitiesOnly=yes", "--"]
    assert host == "dns@win"
    assert len(run) < 8191  # the longest command line of cmd.exe
    lines = base64.b64decode(run.split()[-1]).decode("utf-16-le")
    where = "@{ZoneName='example.com';ComputerName='o''dns';ZoneScope='out'}"
    assert f"$p={where};$n='_acme-challenge';$v='{value}'" in lines
    assert "Remove-DnsServerResourceRecord @p" in lines


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", ""])
def test_a_host_that_ssh_takes_for_an_option_is_refused(host: str) -> None:
    with pytest.raises(InvalidInputError, match="host"):
        open_msdns(Path("/bin/true"), host=host)
