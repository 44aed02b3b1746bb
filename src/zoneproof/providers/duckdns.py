"""The provider for Duck DNS: one TXT value for a domain and everything below it."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.core.errors import InvalidInputError
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.one_value import OneValueProvider
from zoneproof.providers.refusals import ErrorBody, Problem, Refusal, Refusals


class _Errors(ErrorBody):
    """Takes any answer but ``OK`` for a refusal; ``KO`` is all that it says."""

    def read(self, status: int, body: bytes) -> Problem | None:
        words = body.decode("utf-8", "replace").strip()
        if status >= 400 or words == "OK":
            return None
        return Problem(words if words == "KO" else "", (words,))


class DuckDns(OneValueProvider):
    """Sets the value of the domain, which is the label before ``duckdns.org``."""

    info = ProviderInfo(
        slug="duckdns",
        title="Duck DNS",
        homepage="https://www.duckdns.org",
        fields=(token_field("token", "token of the account"),),
        key_url="https://www.duckdns.org",
        api_url="https://www.duckdns.org/update",
        limits=Limits(values_at_name=1, has_ttl=False, value_bytes=255),
        notes="Duck DNS has one TXT value for a domain and all names below it: a certificate for a"
        " domain and its wildcard, or for two names below it, cannot be had; one for the wildcard"
        " alone can. Other programs that set the value overwrite it.",
        least_privilege="The token is for all domains of the account; the page that shows it can"
        " also replace it.",
        aliases=(
            Alias("certbot", "dns-duckdns", {"token": "token"}),
            Alias("acme.sh", "dns_duckdns", {"DuckDNS_Token": "token"}),
            Alias("lego", "duckdns", {"DUCKDNS_TOKEN": "token"}),
        ),
    )
    errors = _Errors()
    refusals: ClassVar[Refusals] = {
        "KO": Refusal.wrong_key(
            "it does not accept the token, or the account does not have the domain"
        )
    }

    def place(self, zone: Zone, name: str) -> str:
        """Return the label of the domain. Raises InvalidInputError for a name elsewhere."""
        labels = zone.record(name).labels
        if labels[-2:] != ("duckdns", "org") or len(labels) < 3:
            raise InvalidInputError(f"Duck DNS: {zone.record(name)} is not below duckdns.org")
        return labels[-3]

    async def set_value(self, zone: Zone, name: str, value: str | None) -> None:
        """Set the domain's value, or clear it."""
        change = {"txt": "", "clear": "true"} if value is None else {"txt": value}
        query = {"domains": self.place(zone, name), "token": self.fields["token"], **change}
        await self.api.send("GET", query=query, repeatable=False)
