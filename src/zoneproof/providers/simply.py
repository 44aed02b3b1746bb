"""The provider for Simply.com: records one by one, of a product that has the domain."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import ZONE_ID, CredentialField, token_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals


class Simply(RecordsProvider):
    """Adds and deletes TXT records from a list of all records of a product."""

    info = ProviderInfo(
        slug="simply",
        title="Simply.com",
        homepage="https://www.simply.com/en/docs/api/",
        fields=(
            CredentialField("account", "name or number of the account, such as S123456"),
            token_field("key", "API key"),
            ZONE_ID,
        ),
        key_url="https://www.simply.com/controlpanel/",
        api_url="https://api.simply.com/2",
        limits=Limits(min_ttl=60),
        notes="The id of a zone is that of its product, which usually is the domain's name.",
        least_privilege="The key may do everything with the account: use an account that has only"
        " the domains in question.",
        name_servers=("ns?.simply.com",),
        aliases=(
            Alias("certbot", "dns-simply", {"account_name": "account", "api_key": "key"}),
            Alias(
                "acme.sh",
                "dns_simply",
                {"SIMPLY_AccountName": "account", "SIMPLY_ApiKey": "key"},
            ),
            Alias("lego", "simply", {"SIMPLY_ACCOUNT_NAME": "account", "SIMPLY_API_KEY": "key"}),
        ),
    )
    login = ("account", "key")
    by_name = False
    errors = ErrorBody(messages=("error", "message"), phrases=("invalid account authorization",))
    refusals: ClassVar[Refusals] = {
        "invalid account authorization": Refusal.wrong_key(
            "it does not accept the key", "check account and key"
        ),
    }
    record_list = RecordList(
        "my/products/{zone.id}/dns/records/",
        at="records",
        id="record_id",
        value="data",
    )
    zone_list = ZoneList(
        "my/products/",
        at="products",
        name="domain.name_idn",  # in A-labels; not every product has a domain
        id="object",
        optional=("domain.name_idn",),
    )

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"{_path(zone)}{stored.id}/")


def _path(zone: Zone) -> str:
    return f"my/products/{quote(zone.id, safe='')}/dns/records/"
