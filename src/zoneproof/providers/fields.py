"""Fields of credentials that many providers have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.fields import CredentialField as CredentialField
from zoneproof.core.http import load_ca_bundle
from zoneproof.providers.server_url import ServerUrl

_TOKEN = re.compile(r"[!-~]+")


def _refuse_raw(text: str) -> None:
    """Raise InvalidInputError for lego's mode RAW, whose key authorization no provider sees."""
    if text:
        raise InvalidInputError(
            "mode must be empty: RAW hands out the key authorization, which stays with the ACME"
            " client here; let the other side take name and value, as in lego's default mode"
        )


ZONE_ID = CredentialField(
    "zone_id",
    "id of the only zone to work with, for a key that may not list zones",
    default="",
    rare=True,
)
CA_BUNDLE = CredentialField(
    "ca_bundle",
    "absolute path of the PEM file of the CA that signed the server's certificate; empty for the"
    " usual public CAs",
    default="",
    file=load_ca_bundle,
    rare=True,
)
LEGO_MODE = CredentialField(
    "mode",
    "lego's mode, of which only the default is possible",
    default="",
    check=_refuse_raw,
    rare=True,
)


def token_field(
    name: str,
    what: str,
    *,
    secret: bool = True,
    default: str | None = None,
    needed_with: str = "",
) -> CredentialField:
    """Return the field of a key that travels in a header or a URL, so without spaces."""

    def check(text: str) -> None:
        if text and not _TOKEN.fullmatch(text):
            raise InvalidInputError(
                f"{name} has a space, a line break or another character that no key has: copy it"
                " again"
            )

    return CredentialField(
        name, what, secret=secret, default=default, needed_with=needed_with, check=check
    )


def server_field(example: str) -> CredentialField:
    """Return the field of the URL of a server that people run themselves.

    Its path, if any, comes before the API's.
    """
    what = f"URL of the server, such as {example}; http:// only in a network that you trust"
    return CredentialField("server", what, url=True, check=ServerUrl.parse)


def url_field(name: str, what: str, default: str = "") -> CredentialField:
    """Return the field of where another part of a service is, which is rarely set."""
    return CredentialField(name, what, default=default, url=True, rare=True)


def require_fields(
    slug: str, fields: Mapping[str, str], names: Iterable[str], otherwise: str
) -> None:
    """Raise InvalidInputError if one of these fields is empty, which says what to set instead."""
    for name in names:
        if not fields[name]:
            raise InvalidInputError(f"provider {slug} needs the field '{name}', or {otherwise}")
