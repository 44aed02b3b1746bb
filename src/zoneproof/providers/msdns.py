"""The provider for Microsoft's DNS server: its PowerShell commands, by OpenSSH."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from zoneproof.core.errors import (
    InvalidInputError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.files import absolute_path
from zoneproof.core.programs import Ended, read_seconds, require_program
from zoneproof.providers.contract import Limits, ProviderInfo
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.script import Script

_HOST = re.compile(r"[A-Za-z0-9_][^\s'\"]*")
_TTL = 60  # seconds
_SSH_FAILED = 255
# By Windows' error codes (winerror.h), as the DnsServer module has them in its error ids. 9701 and
# 9714 are for a record or a name that is gone, 9711 for a record that is there by now.
_KINDS: tuple[tuple[str, type[ProviderError]], ...] = (
    ("WIN32 5,", ProviderPermissionError),
    ("WIN32 9601,", ProviderZoneError),
    ("WIN32 1722,", ProviderUnavailableError),
)
_SCRIPT = """$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue'
try{{$p={where};$n={name};$v={value}
$null=Get-DnsServerZone -Name $p.ZoneName{server}
$r=@(Get-DnsServerResourceRecord @p -Name $n -RRType Txt -ErrorAction SilentlyContinue|
Where-Object{{$_.HostName -eq $n -and $_.RecordData.DescriptiveText -ceq $v}})
{change}
}}catch{{if($_.FullyQualifiedErrorId -match '^WIN32 (9701|9711|9714),'){{exit 0}}
[Console]::Error.WriteLine($_.FullyQualifiedErrorId+' '+$_.Exception.Message);exit 1}}"""
_ADD = (
    "if(-not $r){Add-DnsServerResourceRecord @p -Txt -Name $n -DescriptiveText $v"
    f" -TimeToLive ([TimeSpan]::FromSeconds({_TTL}))" + "}"
)
_REMOVE = "$r|ForEach-Object{Remove-DnsServerResourceRecord @p -InputObject $_ -Force}"


def _check_host(text: str) -> None:
    if not _HOST.fullmatch(text):
        raise InvalidInputError("msdns: host must be like user@dns1.example.org")


class MsDns(Script):
    """Runs a few lines of PowerShell for each record, which change nothing that is so already."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="msdns",
        title="Microsoft DNS",
        homepage="https://learn.microsoft.com/powershell/module/dnsserver/",
        fields=(
            CredentialField(
                "host",
                "user@host of a Windows machine with OpenSSH and the DnsServer module",
                check=_check_host,
            ),
            CredentialField(
                "identity",
                "absolute path of the private key; empty for what ssh finds itself",
                default="",
                check=lambda text: text and absolute_path("msdns: identity", text),
            ),
            CredentialField(
                "server",
                "DNS server, if it is another machine than the host",
                default="",
                rare=True,
            ),
            CredentialField(
                "zone_scope", "zone scope to change, for split DNS", default="", rare=True
            ),
            CredentialField(
                "ssh",
                "absolute path of OpenSSH's client",
                default="/usr/bin/ssh",
                rare=True,
                check=partial(absolute_path, "msdns: ssh"),
                file=partial(require_program, "msdns: ssh"),
            ),
            CredentialField(
                "timeout",
                "seconds that a change may take",
                default="120",
                check=partial(read_seconds, "msdns: timeout"),
                rare=True,
            ),
        ),
        key_url="https://learn.microsoft.com/windows-server/administration/openssh/"
        "openssh_keymanagement",
        limits=Limits(value_bytes=255, value_pattern=r"[ !#-&(-\[\]-~]+", has_ttl=False),
        notes="Microsoft DNS takes secure dynamic updates only with Kerberos, so its PowerShell"
        " commands are run instead, by OpenSSH, which Windows has had since 2019. Connect once by"
        " hand as the user that runs Zoneproof, so that the host's key is known, and use a key"
        " without a passphrase. Port and jump hosts come from ssh's own configuration. Commands"
        " and error codes were taken from Microsoft's reference, Posh-ACME and other programs that"
        " use them (2026); they have not been tried on a Windows server here. Zones that allow"
        " nonsecure updates from one address, or `_acme-challenge` names delegated to another"
        " server, are changed with `rfc2136`.",
        least_privilege="A user of its own, no administrator, who may change the records of these"
        " zones (Security in a zone's properties), with a key that is accepted from this machine's"
        " address only (`from=` in authorized_keys).",
    )
    programs: ClassVar[tuple[str, str]] = ("ssh", "ssh")

    def arguments(self, variables: Mapping[str, str]) -> list[str]:
        """Return ssh's arguments with the lines to run, encoded as PowerShell takes them."""
        fields, zone = self.fields, variables["ZONEPROOF_ZONE"]
        name = variables["ZONEPROOF_RECORD"].removesuffix(zone).removesuffix(".") or "@"
        server = f" -ComputerName {_quoted(fields['server'])}" if fields["server"] else ""
        where = {"ZoneName": zone}
        if fields["server"]:
            where["ComputerName"] = fields["server"]
        if fields["zone_scope"]:
            where["ZoneScope"] = fields["zone_scope"]
        lines = _SCRIPT.format(
            where="@{" + ";".join(f"{key}={_quoted(text)}" for key, text in where.items()) + "}",
            name=_quoted(name),
            value=_quoted(variables["ZONEPROOF_VALUE"]),
            server=server,
            change=_ADD if variables["ZONEPROOF_ACTION"] == "create" else _REMOVE,
        )
        encoded = base64.b64encode(lines.encode("utf-16-le")).decode()
        key = ["-i", fields["identity"], "-o", "IdentitiesOnly=yes"] if fields["identity"] else []
        options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-T", *key]
        run = f"powershell -NoProfile -NonInteractive -EncodedCommand {encoded}"
        return [*options, "--", fields["host"], run]

    def failed(self, ended: Ended) -> ProviderError:
        """Return the error for what ssh or Windows says."""
        words = ended.stderr.decode("utf-8", "replace")
        if ended.status == _SSH_FAILED:
            denied = "Permission denied" in words or "Host key verification failed" in words
            kind = ProviderCredentialsError if denied else ProviderUnavailableError
            return kind(ended.failure, changed_nothing=denied or None)
        kinds = (kind for code, kind in _KINDS if code in words)
        return next(kinds, ProviderError)(ended.failure, changed_nothing=True)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
