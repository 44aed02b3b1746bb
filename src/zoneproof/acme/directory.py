"""The directory: where a CA's resources are and what it offers (RFC 8555 section 7.1.1). No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from zoneproof.acme.messages import Url, decode
from zoneproof.acme.text import ca_at, shown
from zoneproof.acme.urls import check_url
from zoneproof.errors import InvalidInputError


@dataclass(frozen=True)
class Directory:
    """A CA's directory. URLs that it does not have are empty.

    ``profiles`` maps the names of certificate profiles to their descriptions, ``caa_identities``
    are the issuer domain names that CAA records may name.
    """

    url: str
    new_nonce: str
    new_account: str
    new_order: str
    revoke_cert: str = ""
    key_change: str = ""
    renewal_info: str = ""
    terms_of_service: str = ""
    website: str = ""
    caa_identities: tuple[str, ...] = ()
    external_account_required: bool = False
    profiles: Mapping[str, str] = field(default_factory=dict)

    def check_profile(self, profile: str) -> None:
        """Raise InvalidInputError, listing the known ones, if the CA has no such profile."""
        if profile in self.profiles:
            return
        known = shown(", ".join(sorted(self.profiles)), 500)
        offer = f"it offers {known}" if known else "it offers none; leave the profile away"
        raise InvalidInputError(
            f"{ca_at(self.url)} has no profile '{shown(profile, 100)}': {offer}"
        )


_Texts = Annotated[dict[str, str], msgspec.Meta(max_length=100)]


class _WireMeta(msgspec.Struct, rename="camel"):
    terms_of_service: str | None = None
    website: str | None = None
    caa_identities: Annotated[list[str], msgspec.Meta(max_length=100)] | None = None
    external_account_required: bool | None = None
    profiles: _Texts | None = None


class _WireDirectory(msgspec.Struct, rename="camel"):
    new_nonce: Url
    new_account: Url
    new_order: Url
    revoke_cert: Url | None = None
    key_change: Url | None = None
    renewal_info: Url | None = None
    meta: _WireMeta | None = None


def parse_directory(body: bytes, url: str, *, allow_http: bool) -> Directory:
    """Read a directory. Raises AcmeConnectionError, also for a resource that is not https."""
    wire = decode(body, _WireDirectory, "a directory", url)
    meta = wire.meta or _WireMeta()

    def checked(resource: str | None) -> str:
        return check_url(resource, allow_http=allow_http, given_by=url) if resource else ""

    return Directory(
        url=url,
        new_nonce=checked(wire.new_nonce),
        new_account=checked(wire.new_account),
        new_order=checked(wire.new_order),
        revoke_cert=checked(wire.revoke_cert),
        key_change=checked(wire.key_change),
        renewal_info=checked(wire.renewal_info),
        terms_of_service=shown(meta.terms_of_service or "", 2048),
        website=shown(meta.website or "", 2048),
        caa_identities=tuple(shown(name, 253).lower() for name in meta.caa_identities or ()),
        external_account_required=bool(meta.external_account_required),
        profiles={shown(name, 100): shown(text) for name, text in (meta.profiles or {}).items()},
    )
