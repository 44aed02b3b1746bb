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
# Older names, which lego still knows (``zz_gen_dns_providers.go``).
_SECOND_NAMES = {"domainnameshop": "domeneshop", "fastdns": "edgedns"}


@dataclass(frozen=True)
class LegoSettings:
    """The provider as lego calls it, empty if nobody says it, and its variables.

    ``locate`` returns where a file is that a variable names. ``unclear`` are lines about variables
    whose values are not known, by name.
    """

    provider: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    locate: Callable[[str], Path] = Path
    unclear: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return what a variable is set to, empty if it is not. Raises InvalidInputError."""
        if name in self.unclear:
            raise InvalidInputError(self.unclear[name])
        return self.variables.get(name, "")

    def value(self, name: str) -> str:
        """Return a variable's value, empty if it is not set. Raises InvalidInputError."""
        value, file = self.text(name), self.text(f"{name}{_FILE}")
        return read_text(self.locate(file)).rstrip("\r\n") if file and not value else value


def read_env_file(path: Path, provider: str) -> LegoSettings:
    """Return the variables that a file sets, as a shell, systemd or a dotenv file has them.

    A value that only a shell can know is a problem for who asks for it. Raises InvalidInputError
    for a file that cannot be read.
    """
    found = read_settings(path, words=True)
    return LegoSettings(provider, found.values, unclear=found.problems)


def read_method(settings: LegoSettings, findings: Findings) -> FoundMethod:
    """Return how a certificate's names are validated, and take its acme-dns registrations."""
    provider = _SECOND_NAMES.get(settings.provider, settings.provider)
    fields: dict[str, str] = {}
    lacks = ""
    slug, alias = find_alias("lego", provider) or (provider, Alias("lego", provider))
    try:
        slug, alias = find_alias("lego", provider, settings.value) or (slug, alias)
        fields = _fields(alias, settings)
        if slug in _CONVERTED:
            fields = _CONVERTED[slug](fields, settings)
        lacks = _left_out(slug, alias, settings)
    except InvalidInputError as error:
        lacks = error.message
    if slug == "acme-dns":
        with findings.going_on():
            if storage := settings.value("ACME_DNS_STORAGE_PATH"):
                take_registrations(settings.locate(storage), fields.get("server", ""), findings)
    if not lacks and not any(fields.values()) and alias.all_fields:
        lacks = f"none of lego's variables for {provider} is set: {', '.join(alias.all_fields)}"
    lacks = lacks or without_secrets(slug, alias, fields, "lego's environment")
    return dns(slug, fields, lacks=lacks)


def _fields(alias: Alias, settings: LegoSettings) -> dict[str, str]:
    fields: dict[str, str] = {}
    for theirs, ours in alias.fields.items():
        names = ours.split(".")
        values = settings.value(theirs).split(".", len(names) - 1)
        for name, value in zip(names, [*values, *[""] * len(names)], strict=False):
            fields[name] = fields.get(name) or value
    for theirs, ours in alias.files.items():
        if (file := settings.value(theirs)) and not fields.get(ours):
            fields[ours] = read_text(settings.locate(file))
    for theirs, choices in alias.choices.items():
        name, _, value = choices.get(settings.value(theirs).lower(), "").partition("=")
        if name:
            fields[name] = value
    return fields


def _left_out(slug: str, alias: Alias, settings: LegoSettings) -> str:
    """Say which variable is set and means nothing here."""
    for name in alias.left_out:
        if settings.value(name):
            return f"lego's {name} is set, and the provider {slug} has nothing like it"
    for name, choices in alias.choices.items():
        value = settings.value(name)
        if value and value.lower() not in choices:
            return f"lego's {name} is '{value[:40]}', and the provider {slug} has nothing like it"
    return ""


def _infoblox(fields: dict[str, str], settings: LegoSettings) -> dict[str, str]:
    """Return the fields; lego writes host and port, and has a view of its own where none is set."""
    host, port = fields["server"], settings.value("INFOBLOX_PORT")
    if host and "://" not in host:
        host = f"https://{host}{':' if port else ''}{port}"
    return fields | {"server": host, "view": fields["view"] or "External"}


def _rfc2136(fields: dict[str, str], settings: LegoSettings) -> dict[str, str]:
    """Return the fields; lego writes server and port as one, and may name a file with the key."""
    server, colon, port = fields["server"].rpartition(":")
    if colon and (":" not in server or server.endswith("]")):  # else it is an IPv6 address
        fields |= {"server": server.strip("[]"), "port": port}
    for prefix in ("DNSUPDATE", "RFC2136"):
        if file := settings.text(f"{prefix}_TSIG_FILE"):
            return fields | read_key_file(settings.locate(file)).fields
    if fields["key_name"]:
        fields["algorithm"] = algorithm_name(fields["algorithm"] or _DEFAULT_ALGORITHM)
    return fields


_CONVERTED: Mapping[str, Callable[[dict[str, str], LegoSettings], dict[str, str]]] = {
    "infoblox": _infoblox,
    "rfc2136": _rfc2136,
}
