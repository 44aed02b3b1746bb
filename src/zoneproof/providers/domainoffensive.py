"""The provider for Domain-Offensive (do.de): one URL that sets or deletes a challenge's value."""

from __future__ import annotations

from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.one_value import OneValueProvider
from zoneproof.providers.refusals import ErrorBody


class DomainOffensive(OneValueProvider):
    """Sets a value by the name in full; deleting needs the name only."""

    info = ProviderInfo(
        slug="domainoffensive",
        title="Domain-Offensive",
        homepage="https://www.do.de",
        fields=(token_field("token", "token for Let's Encrypt (my.do.de)"),),
        key_url="https://www.do.de/wiki/freie-ssl-tls-zertifikate-ueber-acme/",
        api_url="https://my.do.de/api/letsencrypt",
        limits=Limits(values_at_name=1, has_ttl=False, value_bytes=255),
        notes="The API is for challenges only. Deleting removes all values at the name, and whether"
        " a second one replaces the first is not documented, so a name has one at a time: make one"
        " certificate for a domain, and another one for its wildcard. Sources: clients of 2026; the"
        " API says no more than whether it did what was asked.",
        least_privilege="The token can change TXT records of challenges only.",
        aliases=(
            Alias("acme.sh", "dns_doapi", {"DO_LETOKEN": "token"}),
            Alias("lego", "dode", {"DODE_TOKEN": "token"}),
        ),
    )
    errors = ErrorBody(messages=("error", "message"), success=("success", True))

    async def set_value(self, zone: Zone, name: str, value: str | None) -> None:
        """Set the value at a name, or delete what is there."""
        change = {"action": "delete"} if value is None else {"value": value}
        query = {"token": self.fields["token"], "domain": zone.record(name).text, **change}
        await self.api.send("GET", query=query, repeatable=False)
