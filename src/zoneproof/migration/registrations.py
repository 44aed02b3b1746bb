"""Registrations at acme-dns services in the forms of the clients that made them."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from zoneproof.acme.keys import decode_base64url
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import DomainName
from zoneproof.core.text import printable
from zoneproof.migration.found import Findings, Found, FoundRegistration
from zoneproof.migration.reading import is_folder, list_folder, read_json, shown, unusable
from zoneproof.providers import Registration
from zoneproof.providers.server_url import ServerUrl


def export_goacmedns(registrations: Mapping[DomainName, Registration]) -> bytes:
    """Return the JSON file of lego, cert-manager, Caddy and acme-dns-client."""
    return _json(
        {
            domain.text: {**_members(one), "server_url": one.server}
            for domain, one in registrations.items()
        }
    )


def export_certbot_hook(registrations: Mapping[DomainName, Registration]) -> bytes:
    """Return the JSON file of acme-dns-certbot's hook and of the certbot plugin dns-acmedns.

    They know one server, which is set beside the file. Raises InvalidInputError for several.
    """
    servers = sorted({one.server for one in registrations.values()})
    if len(servers) > 1:
        raise InvalidInputError(
            f"certbot's file holds the registrations of one server, and these are at"
            f" {', '.join(servers)}: choose one with --server"
        )
    return _json(
        {domain.text: {**_members(one), "allowfrom": []} for domain, one in registrations.items()}
    )


def export_certify(registrations: Mapping[DomainName, Registration]) -> dict[str, bytes]:
    """Return file names and contents for the folder ``acmedns`` of Certify The Web."""
    files = {}
    for domain, one in registrations.items():
        host = base64.urlsafe_b64encode((urlsplit(one.server).hostname or "").encode())
        name = f"{host.decode().rstrip('=')}_{domain}.json"
        files[name] = _json({**_members(one), "allowfrom": []})
    return files


def _members(registration: Registration) -> dict[str, str]:
    return {
        "fulldomain": registration.fulldomain.text,
        "subdomain": registration.subdomain,
        "username": registration.username,
        "password": registration.password,
    }


def _json(content: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


_MEMBERS = ("fulldomain", "subdomain", "username", "password")
_HOST = re.compile(r"[a-z0-9.-]+")


def read_registrations(path: Path, *, server: str = "", domain: str = "") -> Found:
    """Read a file, or all ``.json`` files of a folder.

    ``server`` is the service's URL where the files do not name it. ``domain`` is the domain of a
    file that holds one registration alone, where the file's name does not tell it.
    """
    findings = Findings()
    with findings.going_on():
        files = [path]
        if is_folder(path):
            files = [entry for entry in list_folder(path) if entry.suffix == ".json"]
        for file in files:
            with findings.going_on():
                take_registrations(file, server, findings, domain)
    return findings.found()


def take_registrations(path: Path, server: str, findings: Findings, domain: str = "") -> None:
    """Add a file's registrations to the findings. Raises InvalidInputError."""
    content = read_json(path, dict[str, Any])
    if all(isinstance(content.get(member), str) for member in _MEMBERS):
        host, _, in_name = path.stem.rpartition("_")
        _take(path, domain or in_name, server or _certify_server(host), content, findings)
        return
    if not content:
        findings.problems.append(f"{shown(path)}: there is no registration in it")
    for name, entry in content.items():
        _take(path, name, server, entry, findings)


def _take(path: Path, name: str, server: str, entry: object, findings: Findings) -> None:
    with findings.going_on():
        try:
            domain = DomainName.parse(name).base
            if len(domain.labels) < 2:
                raise InvalidInputError("it is not a domain")
            registration = _registration(entry, server)
        except InvalidInputError as error:
            raise unusable(
                path, f"the registration of '{printable(name[:80])}': {error.message}"
            ) from None
        findings.registrations.append(FoundRegistration(domain, registration, path))


def _registration(entry: object, server: str) -> Registration:
    if not isinstance(entry, Mapping):
        raise InvalidInputError("it is not a JSON object")
    # goacmedns 0.0.1 wrote FullDomain and SubDomain; programs in Go read them in any case.
    entry = {key.lower(): value for key, value in entry.items()}
    values = [entry.get(member) for member in _MEMBERS]
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) != len(values):
        raise InvalidInputError(
            f"it needs the strings {', '.join(_MEMBERS[:-1])} and {_MEMBERS[-1]}"
        )
    fulldomain, subdomain, username, password = texts
    named = entry.get("server_url") or entry.get("server")  # which the guide's hook writes
    url = named if isinstance(named, str) and named else server
    if not url:
        raise InvalidInputError("the file does not name the server: give its URL with --server")
    server = ServerUrl.parse(url).identity
    target = DomainName.parse(fulldomain)
    return Registration(server, target, subdomain, username, password).check()


def _certify_server(encoded: str) -> str:
    try:
        host = decode_base64url(encoded).decode("ascii")
    except ValueError:
        return ""
    return f"https://{host}" if _HOST.fullmatch(host) else ""
