"""lego's providers: which each is here, and which field each of its variables is.

lego keeps neither in its folder. It takes the provider from its command line, and the variables
from its environment or from a file; where ``NAME`` is not set, it reads the file that ``NAME_FILE``
names (lego 5.3, ``platform/env``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoneproof.core.errors import InvalidInputError
from zoneproof.migration.acme_sh_plugins import read_settings
from zoneproof.migration.found import Findings
from zoneproof.migration.methods import FoundMethod, dns, without_secrets
from zoneproof.migration.reading import read_text
from zoneproof.migration.registrations import take_registrations
from zoneproof.migration.tsig_keys import algorithm_name, read_key_file
from zoneproof.providers import Alias
from zoneproof.providers.aliases import find_alias

_DEFAULT_ALGORITHM = "hmac-sha1"  # lego's
_FILE = "_FILE"


@dataclass(frozen=True)
class LegoSettings:
    """The provider as lego calls it, empty if nobody says it, and its variables.

    ``locate`` returns where a file is that a variable names.
    """

    provider: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    locate: Callable[[str], Path] = Path

    def value(self, name: str) -> str:
        """Return a variable's value, empty if it is not set. Raises InvalidInputError."""
        value, file = self.variables.get(name, ""), self.variables.get(f"{name}{_FILE}", "")
        return read_text(self.locate(file)).rstrip("\r\n") if file and not value else value


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables that a file sets, as a shell, systemd or a dotenv file has them.

    Raises InvalidInputError for a file that cannot be read, and for a value that only a shell can
    know.
    """
    found = read_settings(path)
    if found.problems:
        raise InvalidInputError(found.problems[0])
    return found.values


def read_method(settings: LegoSettings, name: str, findings: Findings) -> FoundMethod:
    """Return how the certificate ``name`` is validated, and take its acme-dns registrations."""
    provider = settings.provider
    slug, alias = find_alias("lego", provider) or (provider, Alias("lego", provider))
    fields: dict[str, str] = {}
    lacks = ""
    try:
        for theirs, ours in alias.fields.items():
            fields[ours] = fields.get(ours) or settings.value(theirs)
        if slug == "rfc2136":
            fields = _rfc2136(fields, settings)
    except InvalidInputError as error:
        lacks = error.message
    storage = settings.value("ACME_DNS_STORAGE_PATH") if slug == "acme-dns" else ""
    if storage:
        with findings.going_on():
            take_registrations(settings.locate(storage), fields.get("server", ""), findings)
    if not lacks and not any(fields.values()) and alias.fields:
        lacks = f"none of lego's variables for {provider} is set: {', '.join(alias.fields)}"
    lacks = lacks or without_secrets(slug, alias, fields, "lego's environment")
    return dns(slug, fields, name, lacks=lacks)


def _rfc2136(fields: dict[str, str], settings: LegoSettings) -> dict[str, str]:
    """Return the fields; lego writes server and port as one, and may name a file with the key."""
    server, colon, port = fields["server"].rpartition(":")
    if colon and (":" not in server or server.endswith("]")):  # else it is an IPv6 address
        fields |= {"server": server.strip("[]"), "port": port}
    for prefix in ("DNSUPDATE", "RFC2136"):
        if file := settings.variables.get(f"{prefix}_TSIG_FILE", ""):
            return fields | read_key_file(settings.locate(file)).fields
    if fields["key_name"]:
        fields["algorithm"] = algorithm_name(fields["algorithm"] or _DEFAULT_ALGORITHM)
    return fields
