"""acme.sh's settings files, and what its DNS scripts and their settings are here."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

from zoneproof.core.errors import InvalidInputError
from zoneproof.migration.found import Findings
from zoneproof.migration.methods import (
    FoundMethod,
    adapter,
    dns,
    http,
    listener,
    no_method,
    record_that_stays,
    web_server,
    without_secrets,
)
from zoneproof.migration.reading import exists, read_text, shown
from zoneproof.migration.tsig_keys import TsigKey, read_key_file, read_key_text
from zoneproof.providers import describe, installed
from zoneproof.providers.aliases import find_alias

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_VALUE = re.compile(
    r"""(?:'(?P<single>[^']*)'|"(?P<double>[^"$`\\]*)"|(?P<bare>[^\s'"$`\\;&|<>()#]*))
    \s*(?:\#.*)?""",
    re.VERBOSE,
)
_WORDS = re.compile(r"""[^'"$`\\;&|<>()#]+""")
_BASE64_START, _BASE64_END = "__ACME_BASE64__START_", "__ACME_BASE64__END_"


@dataclass(frozen=True)
class ShellSettings:
    """The values by name, with none of them in the repr, and a line for each that is unclear."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    problems: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a value, empty if it is not there."""
        return self.values.get(name, "")


def read_settings(path: Path, *, words: bool = False) -> ShellSettings:
    """Return a file's settings; of a name that is there twice the last. Raises InvalidInputError.

    Names without a usable value are named among the problems, and have none. With ``words`` a
    value without quotes may have spaces, as for systemd.
    """
    values: dict[str, str] = {}
    problems: dict[str, str] = {}
    for line in read_text(path).split("\n"):
        match = _LINE.fullmatch(line.strip())
        if not match:
            continue
        name, text = match.groups()
        values.pop(name, None)
        problems.pop(name, None)
        value = text if words and _WORDS.fullmatch(text) else _value(text)
        if value is None:
            what = f"{shown(path)}: the value of {name[:80]}"
            problems[name] = (
                f"{what} can only be known by running a shell: write the value itself"
                if "$" in text or "`" in text
                else f"{what} is unclear: put it into quotes"
            )
        else:
            values[name] = value
    return ShellSettings(values, problems)


def _value(text: str) -> str | None:
    match = _VALUE.fullmatch(text)
    if not match:
        return None
    value = match["single"] or match["double"] or match["bare"] or ""
    if value.startswith(_BASE64_START) and value.endswith(_BASE64_END):
        return _from_base64(value[len(_BASE64_START) : -len(_BASE64_END)])
    return value


def _from_base64(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return None


_ACME_DNS = "https://auth.acme-dns.io"  # what the script takes when it is not told


class ScriptSettings:
    """Where a script's settings may be: the certificate's file goes before ``account.conf``."""

    def __init__(self, certificate: ShellSettings, account: ShellSettings) -> None:
        self._places = (certificate, account)

    def __getitem__(self, name: str) -> str:
        found = (place.text(key) for place in self._places for key in (f"SAVED_{name}", name))
        return next(filter(None, found), "")


def read_method(root: str, name: str, stored: ScriptSettings, findings: Findings) -> FoundMethod:
    """Return what an entry of ``Le_Webroot`` means for the certificate ``name``."""
    if root.startswith("/"):
        return http(root)
    if root.startswith(("nginx", "apache", "stateless")):
        return web_server("acme.sh", "Apache" if root == "apache" else "nginx")
    if root == "no":
        return listener(stored["Le_LocalAddress"], stored["Le_HTTPPort"])
    if root == "alpn":
        return no_method("acme.sh used tls-alpn-01, which Zoneproof does not support")
    if root == "dns":
        return dns("manual", {})
    if root == "dns_persist":
        return record_that_stays()
    if root == "dns_nsupdate":
        return _nsupdate(stored, findings)
    if root == "dns_acmedns":
        return _acme_dns(stored)
    if found := find_alias("acme.sh", root):
        slug, alias = found
        lacks = f"acme.sh's settings of {root} are not carried over: enter them as fields"
        fields = {field: stored[key] for key, field in alias.fields.items()}
        lacks = without_secrets(slug, alias, fields, "acme.sh") if fields else lacks
        return dns(slug, fields, lacks=lacks)
    if (script := f"acmesh:{root}") in installed():
        fields = {one.name: stored[one.name] for one in describe(script).fields}
        return adapter(script, fields, name, "acme.sh")
    said = f"acme.sh used '{root[:40]}'" if root.isprintable() and root else "it names no method"
    return no_method(f"{said}, which is not known here")


def _nsupdate(stored: ScriptSettings, findings: Findings) -> FoundMethod:
    servers = stored["NSUPDATE_SERVER"].replace(",", " ").split() or ["localhost"]
    fields = {"server": servers[0], "port": stored["NSUPDATE_SERVER_PORT"]}
    key, lacks = None, ""
    if stored["NSUPDATE_KEY"]:
        with findings.going_on():
            key = _nsupdate_key(stored["NSUPDATE_KEY"])
        lacks = "" if key else "its TSIG key could not be read"
    notes = list(key.notes) if key else []
    if key:
        fields |= key.fields
    if len(servers) > 1:
        notes.append(
            f"acme.sh updated several servers, and {servers[0]} is used: it must be the primary"
        )
    return dns("rfc2136", fields, notes, lacks=lacks)


def _nsupdate_key(value: str) -> TsigKey:
    """Return the key. Raises InvalidInputError, which shows the value only if it is a path."""
    if exists(Path(value)):
        return read_key_file(Path(value))
    key = read_key_text(value)
    if key is None:
        raise InvalidInputError(
            "acme.sh's setting NSUPDATE_KEY names no file that exists; it is not shown, because"
            " it may be the key itself"
        )
    return key


def _acme_dns(stored: ScriptSettings) -> FoundMethod:
    note = (
        "acme.sh does not keep the full name of its acme-dns registration: see where"
        " _acme-challenge leads, and write it with the ACMEDNS_ values of the certificate's file"
        " as JSON for `zoneproof import registrations`; else a new CNAME is needed"
    )
    return dns("acme-dns", {"server": stored["ACMEDNS_BASE_URL"] or _ACME_DNS}, [note])
