"""The provider for Cloudflare's DNS: records one by one, their values quoted."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderCredentialsError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import bearer
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo
from zoneproof.providers.expiring_key import ExpiringKey
from zoneproof.providers.fields import ZONE_ID, CredentialField, token_field
from zoneproof.providers.lists import RecordList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ALREADY, WRONG_KEY, ErrorBody, Refusal, Refusals

_PAGES = Numbered("per_page", 50)


class _Account(msgspec.Struct):
    id: str = ""


class _Zone(msgspec.Struct):
    id: str
    name: str
    status: str = ""
    account: _Account = msgspec.field(default_factory=_Account)


class _Token(msgspec.Struct):
    expires_on: str | None = None


class _Verified(msgspec.Struct):
    result: _Token


class Cloudflare(ExpiringKey, RecordsProvider):
    """Adds and deletes TXT records; the API refuses one that it has already."""

    info = ProviderInfo(
        slug="cloudflare",
        title="Cloudflare",
        homepage="https://www.cloudflare.com/dns/",
        fields=(
            token_field(
                "api_token", "API token; or omit it and give email and api_key", default=""
            ),
            token_field(
                "zone_token", "API token that lists zones, if api_token may not", default=""
            ),
            CredentialField(
                "email", "e-mail address of the account", default="", needed_with="api_key"
            ),
            token_field("api_key", "Global API key, which may do everything", default=""),
            ZONE_ID,
        ),
        key_url="https://dash.cloudflare.com/profile/api-tokens",
        key_expiry="if it is an API token, of a user or of an account",
        api_url="https://api.cloudflare.com/client/v4",
        limits=Limits(min_ttl=60),
        notes="Cloudflare allows 1,200 requests of a user in five minutes. A zone has a number of"
        " records that depends on the plan, 200 for newer free ones.",
        least_privilege="An API token with the permissions `Zone / DNS / Edit` and"
        " `Zone / Zone / Read` for the zones that certificates are for. With `zone_id`, or with"
        " another token that reads zones in `zone_token`, `Zone / DNS / Edit` is enough.",
        name_servers=("*.ns.cloudflare.com",),
        aliases=(
            Alias(
                "certbot",
                "dns-cloudflare",
                {"api_token": "api_token", "email": "email", "api_key": "api_key"},
            ),
            Alias(
                "acme.sh",
                "dns_cf",
                {
                    "CF_Token": "api_token",
                    "CF_Zone_ID": "zone_id",
                    "CF_Email": "email",
                    "CF_Key": "api_key",
                },
            ),
            Alias(
                "lego",
                "cloudflare",
                {
                    "CLOUDFLARE_DNS_API_TOKEN": "api_token",
                    "CF_DNS_API_TOKEN": "api_token",
                    "CLOUDFLARE_ZONE_API_TOKEN": "zone_token",
                    "CF_ZONE_API_TOKEN": "zone_token",
                    "CLOUDFLARE_EMAIL": "email",
                    "CF_API_EMAIL": "email",
                    "CLOUDFLARE_API_KEY": "api_key",
                    "CF_API_KEY": "api_key",
                    "CLOUDFLARE_BASE_URL": "api_url",
                },
            ),
        ),
    )
    headers = (
        "Authorization: Bearer {api_token}",
        "X-Auth-Email: {email}\nX-Auth-Key: {api_key}",
    )
    errors = ErrorBody(
        codes=("errors.0.code", "errors.0.error_chain.0.code"),
        messages=("errors.0.error_chain.0.message", "errors.0.message"),
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(("1000", "6003", "9103", "10001", "Invalid access token"), WRONG_KEY),
        "10000": Refusal.not_allowed(
            "it does not let these credentials do this",
            "check that the token is active, its permissions and its zones",
        ),
        "7003": Refusal.no_zone("it has no zone of that id"),
        **dict.fromkeys(("81044", "81057", "81058"), ALREADY),
        "Record quota exceeded.": Refusal.over_quota("the zone has too many records"),
    }
    record_list = RecordList(
        "zones/{zone.id}/dns_records",
        at="result",
        query={"type": "TXT", "name": "{whole}"},
        paging=_PAGES,
        quoted=True,
        owner="{whole}",
    )

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        zone_token = context.fields["zone_token"]
        self._zone_headers = bearer(zone_token) if zone_token else {}

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones, but of those of one name, as in two accounts, only active ones."""
        zones = await self._zones()
        active = {zone.name for zone in zones if zone.status == "active"}
        return [(z.name, z.id) for z in zones if z.status == "active" or z.name not in active]

    async def _zones(self) -> list[_Zone]:
        return await self.api.items(
            "zones",
            _Zone,
            at="result",
            headers=self._zone_headers,
            paging=_PAGES,
        )

    async def key_end(self) -> str | None:
        """Return when the API token expires. One of an account is verified where it belongs to."""
        if not self.fields["api_token"]:
            return None
        try:
            found = await self.api.get("user/tokens/verify", _Verified)
        except ProviderCredentialsError:
            accounts = {zone.account.id for zone in await self._zones()} - {""}
            if not accounts:
                raise
            found = await self.api.get(f"accounts/{min(accounts)}/tokens/verify", _Verified)
        return found.result.expires_on
