"""Writes registrations in the forms that other clients read, so that machines share one CNAME."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from zoneproof.errors import InvalidInputError
from zoneproof.names import DomainName
from zoneproof.providers import Registration


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
