"""The provider for Porkbun, whose API takes its keys in the body of each request."""

from __future__ import annotations

from typing import ClassVar, TypeVar

import msgspec

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest, Body
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, StoredTxt
from zoneproof.providers.refusals import ALREADY, SLOWER, WRONG_KEY, ErrorBody, Refusal, Refusals

T = TypeVar("T")

_MOST = 1000  # domains in a list
_MOST_OF_ALL = 100 * _MOST
_PAUSE = 0.5  # seconds; the service takes about two requests in a second
_RIGHT = Refusal.not_allowed(
    "the keys do not allow this",
    "switch API access on for the domain, and check what the key is limited to",
)
_ZONE = Refusal.no_zone(
    "the account does not have this domain, or API access is off for it",
    "check the domain's settings",
)


class _Domain(msgspec.Struct):
    domain: str


class Porkbun(RecordsProvider):
    """Adds and deletes TXT records; the API refuses one that it has already."""

    info = ProviderInfo(
        slug="porkbun",
        title="Porkbun",
        homepage="https://porkbun.com/api/json/v3/documentation",
        fields=(
            token_field("api_key", "API key"),
            token_field("secret_api_key", "secret API key"),
        ),
        key_url="https://porkbun.com/account/api",
        api_url="https://api.porkbun.com/api/json/v3",
        limits=Limits(min_ttl=600, value_pattern=r".*[^ ]"),
        notes="API access has to be switched on for each domain, or in the account's settings for"
        " all of them. The service takes about two requests in a second, and keeps no space at the"
        " end of a value.",
        least_privilege="A key that is limited to the domains that certificates are for and to this"
        " machine's address, where the account offers that; and API access only for these domains.",
        name_servers=("*.ns.porkbun.com", "*.porkbun.com"),
        aliases=(
            Alias("certbot", "dns-porkbun", {"key": "api_key", "secret": "secret_api_key"}),
            Alias(
                "acme.sh",
                "dns_porkbun",
                {"PORKBUN_API_KEY": "api_key", "PORKBUN_SECRET_API_KEY": "secret_api_key"},
            ),
            Alias(
                "lego",
                "porkbun",
                {"PORKBUN_API_KEY": "api_key", "PORKBUN_SECRET_API_KEY": "secret_api_key"},
            ),
        ),
    )
    at_once = 1
    pause = _PAUSE
    by_name = False
    errors = ErrorBody(codes=("code",), messages=("message",), success=("status", "SUCCESS"))
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(
            (
                "API_KEY_REQUIRED",
                "INVALID_API_KEYS_001",
                "INVALID_API_KEYS_002",
                "MISSING_APIKEY",
                "MISSING_SECRETAPIKEY",
                "Invalid API key. (001)",
                "Invalid API key. (002)",
            ),
            WRONG_KEY,
        ),
        **dict.fromkeys(
            (
                "API_ACCESS_DISABLED",
                "DOMAIN_NOT_ALLOWED",
                "IP_NOT_ALLOWED",
                "Domain is not opted in to API access.",
            ),
            _RIGHT,
        ),
        **dict.fromkeys(("DOMAIN_NOT_FOUND", "INVALID_DOMAIN", "Invalid domain."), _ZONE),
        **dict.fromkeys(("DUPLICATE_RECORD", "INVALID_RECORD_ID", "RECORD_NOT_FOUND"), ALREADY),
        "RATE_LIMIT_EXCEEDED": SLOWER,
    }
    record_list = RecordList(
        "dns/retrieve/{zone.name}",
        json={},
        at="records",
    )

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains; they are known by name. The last list is not full."""
        names: list[tuple[str, str]] = []
        for start in range(0, _MOST_OF_ALL, _MOST):
            body = {"start": str(start)}
            answer = await self.api.send("POST", "domain/listAll", json=body, repeatable=True)
            found = self.api.listed(answer, _Domain, "domains")
            names += [(one.domain, "") for one in found]
            if len(found) < _MOST:
                break
        return names

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        new = {"type": "TXT", "name": record.name, "content": record.value, "ttl": str(record.ttl)}
        await self.api.send("POST", f"dns/create/{zone.name}", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        path = f"dns/delete/{zone.name}/{stored.id}"
        await self.api.send("POST", path, json={}, repeatable=True)

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Add the keys to the JSON."""
        keys = {
            "apikey": self.fields["api_key"],
            "secretapikey": self.fields["secret_api_key"],
        }
        return request.with_body(Body.json({**keys, **request.json}))
