"""The provider for Simply.com: records one by one, of a product that has the domain."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

import msgspec

from zoneproof.core.errors import ProviderCredentialsError
from zoneproof.providers.api_provider import (
    ZONE_ID,
    Login,
    RecordsProvider,
    StoredTxt,
    relative_name,
)
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import (
    Alias,
    CredentialField,
    Limits,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals


class _Domain(msgspec.Struct):
    name_idn: str = ""  # in A-labels


class _Product(msgspec.Struct):
    object: str
    domain: _Domain | None = None


class _Products(msgspec.Struct):
    products: list[_Product] = []


class _Record(msgspec.Struct):
    record_id: int
    type: str
    name: str = ""
    data: str = ""


class _Records(msgspec.Struct):
    records: list[_Record] = []


class Simply(RecordsProvider):
    """Adds and deletes TXT records from a list of all records of a product."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
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
    login: ClassVar[Login] = ("account", "key")
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=(), messages=("error", "message"), phrases=("invalid account authorization",)
    )
    refusals: ClassVar[Refusals] = {
        "invalid account authorization": Refusal(
            ProviderCredentialsError, "it does not accept the key", "check account and key"
        ),
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return domain and id of the products that have one."""
        found = await self.api.get("my/products/", _Products)
        return [(one.domain.name_idn, one.object) for one in found.products if one.domain]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the domain's TXT records."""
        found = await self.api.get(_path(zone), _Records)
        return [
            StoredTxt(str(one.record_id), relative_name(one.name, zone), one.data)
            for one in found.records
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the domain."""
        new = {"type": "TXT", "name": record.name or "@", "data": record.value, "ttl": record.ttl}
        await self.api.send("POST", _path(zone), json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"{_path(zone)}{stored.id}/")


def _path(zone: Zone) -> str:
    return f"my/products/{quote(zone.id, safe='')}/dns/records/"
