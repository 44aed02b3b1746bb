"""The provider for Gandi's LiveDNS: sets, read and replaced."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from zoneproof.core.errors import AlreadyDoneError, InvalidInputError
from zoneproof.providers.api_request import bearer, token_field
from zoneproof.providers.contract import (
    Alias,
    CredentialField,
    Limits,
    ProviderContext,
    ProviderInfo,
    Zone,
)
from zoneproof.providers.expiring_key import ExpiringKey
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_MOST = 100  # items on a page


class _Domain(msgspec.Struct):
    fqdn: str


class _RRset(msgspec.Struct):
    rrset_values: list[str]
    rrset_ttl: int


class _Token(msgspec.Struct):
    expires_in: float | None = None  # seconds


class Gandi(ExpiringKey, SetsProvider):
    """Reads and replaces the TXT set at a name."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="gandi",
        title="Gandi",
        homepage="https://api.gandi.net/docs/livedns/",
        fields=(
            token_field("token", "personal access token", default=""),
            token_field("api_key", "API key of the old kind, instead of a token", default=""),
            CredentialField(
                "id_url",
                "where tokens are described; another one for a proxy or a test",
                default="https://id.gandi.net",
                url=True,
                rare=True,
            ),
        ),
        key_url="https://admin.gandi.net/organizations/account/pat",
        key_expiry="if it is a personal access token",
        api_url="https://api.gandi.net/v5/livedns",
        default_ttl=300,
        limits=Limits(min_ttl=300),
        notes="Personal access tokens last at most a year. API keys of the old kind still work, but"
        " no new ones are to be used.",
        least_privilege="A personal access token limited to the domains that certificates are for,"
        " with `Manage domain name technical configurations`, which brings `See and renew domain"
        " names` with it.",
        name_servers=("ns-*.gandi.net",),
        aliases=(
            Alias("certbot", "dns-gandi", {"token": "token", "api_key": "api_key"}),
            Alias(
                "acme.sh",
                "dns_gandi_livedns",
                {"GANDI_LIVEDNS_TOKEN": "token", "GANDI_LIVEDNS_KEY": "api_key"},
            ),
            Alias(
                "lego",
                "gandiv5",
                {"GANDIV5_PERSONAL_ACCESS_TOKEN": "token", "GANDIV5_API_KEY": "api_key"},
            ),
        ),
    )
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("object",), messages=("errors.0.description", "message")
    )
    refusals: ClassVar[Refusals] = {"dns-record": ALREADY}  # no such set, in a zone that there is

    def __init__(self, context: ProviderContext) -> None:
        token, key = context.fields["token"], context.fields["api_key"]
        if not token and not key:
            raise InvalidInputError("provider gandi needs the field 'token' or 'api_key'")
        headers = bearer(token) if token else {"Authorization": f"Apikey {key}"}
        super().__init__(context, headers=headers)

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the domains; they are known by name."""
        found = await self.api.items("domains", _Domain, query={"per_page": _MOST})
        return [(domain.fqdn, "") for domain in found]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name."""
        try:
            found = await self.api.get(_path(zone, name), _RRset)
        except AlreadyDoneError:
            return TxtSet()
        return TxtSet(tuple(map(unquote_txt, found.rrset_values)), found.rrset_ttl)

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Put the set, or delete it."""
        path = _path(zone, change.name)
        if change.new.values:
            values = [quote_txt(value) for value in change.new.values]
            new = {"rrset_values": values, "rrset_ttl": change.new.ttl}
            await self.api.send("PUT", path, json=new)
        else:
            await self.api.delete(path)

    async def key_end(self) -> datetime | None:
        """Return when the token expires; keys of the old kind do not."""
        if not self.fields["token"]:
            return None
        found = await self.api.get(f"{self.fields['id_url'].rstrip('/')}/tokeninfo", _Token)
        left = found.expires_in
        return None if left is None else self.now() + timedelta(seconds=left)


def _path(zone: Zone, name: str) -> str:
    return f"domains/{zone.name}/records/{name or '@'}/TXT"
