"""The provider for DNSimple: records one by one, in an account."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderCredentialsError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ALREADY, SLOWER, ErrorBody, Refusal, Refusals

_PAGES = Numbered("per_page", 100)


class _Account(msgspec.Struct):
    id: int


class _Identity(msgspec.Struct):
    account: _Account | None = None


class _WhoAmI(msgspec.Struct):
    data: _Identity


class Dnsimple(RecordsProvider):
    """Adds and deletes TXT records; the API refuses one that it has already.

    All paths begin with an account, which is the token's if none is set.
    """

    info = ProviderInfo(
        slug="dnsimple",
        title="DNSimple",
        homepage="https://developer.dnsimple.com/v2/",
        fields=(
            token_field("token", "API access token"),
            token_field(
                "account",
                "number of the account, for a user's token with several accounts",
                secret=False,
                default="",
            ),
        ),
        key_url="https://dnsimple.com/user",
        api_url="https://api.dnsimple.com/v2",
        limits=Limits(value_bytes=1000, value_pattern=r'[^"]*("[^"]*"[^"]*)*(?<! )'),
        notes="A value has at most 1,000 bytes, its quotes in pairs and no space at its end. The"
        " API allows 2,400 requests in an hour. Test accounts are at"
        " `https://api.sandbox.dnsimple.com/v2`.",
        least_privilege="An account token, not a user's. Where the plan has scoped tokens: one that"
        " may write to the zones that certificates are for.",
        name_servers=("ns?.dnsimple.com", "ns?.dnsimple-edge.net", "ns?.dnsimple-edge.org"),
        aliases=(
            Alias("certbot", "dns-dnsimple", {"token": "token"}),
            Alias("acme.sh", "dns_dnsimple", {"DNSimple_OAUTH_TOKEN": "token"}),
            Alias(
                "lego",
                "dnsimple",
                {"DNSIMPLE_OAUTH_TOKEN": "token", "DNSIMPLE_BASE_URL": "api_url"},
            ),
        ),
    )
    headers = "Authorization: Bearer {token}"
    errors = ErrorBody(
        messages=("errors.base.0", "errors.content.0", "errors.name.0", "errors.ttl.0", "message"),
    )
    refusals: ClassVar[Refusals] = {
        402: Refusal.not_allowed("the account is not in good standing"),
        412: Refusal.not_allowed("the account's plan does not allow this"),
        "quota exceeded": SLOWER,
        "Matching record already exists for this zone": ALREADY,
        "Zone record already exists": ALREADY,  # older words
    }
    zone_list = ZoneList("{account}/zones", at="data", paging=_PAGES)
    record_list = RecordList(
        "{account}/zones/{zone.name}/records",
        at="data",
        query={"type": "TXT", "name": "{name}"},
        quoted=True,
        paging=_PAGES,
        owner="{name}",
    )

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        self._account = context.fields["account"]
        self._asking = asyncio.Lock()

    async def places(self) -> dict[str, str]:
        """Return the fields, with an account."""
        return {**self.fields, "account": await self._get_account()}

    async def _get_account(self) -> str:
        """Return the account that is set, the token's own, or the only one of its user."""
        async with self._asking:
            if not self._account:
                own = (await self.api.get("whoami", _WhoAmI)).data.account
                accounts = [own] if own else await self.api.items("accounts", _Account, at="data")
                if len(accounts) != 1:
                    numbers = ", ".join(str(one.id) for one in accounts) or "none"
                    raise ProviderCredentialsError(
                        f"the token is a user's, whose accounts are: {numbers}; set the field"
                        " account, or make a token of the account"
                    )
                self._account = str(accounts[0].id)
            return self._account
