"""The provider for name.com: records one by one, from a list of all records of a domain."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import Login, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import (
    Alias,
    CredentialField,
    Limits,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusals

_PAGES = NextWord(at="nextPage", word="page")


class _Domain(msgspec.Struct):
    domain_name: str = msgspec.field(name="domainName")


class _Record(msgspec.Struct):
    id: int
    type: str
    host: str = ""
    answer: str = ""


class NameCom(RecordsProvider):
    """Adds and deletes TXT records; the same one twice is refused, which is fine."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="namecom",
        title="name.com",
        homepage="https://www.name.com",
        fields=(
            CredentialField("user", "name of the account"),
            token_field("token", "API token"),
        ),
        key_url="https://www.name.com/account/settings/api",
        api_url="https://api.name.com/v4",
        default_ttl=300,
        limits=Limits(min_ttl=300, value_bytes=500, value_pattern=r'[^"]*[^"\s]'),
        notes="An account with two-factor authentication must allow API access in its security"
        " settings. For the test environment, set `api_url` to `https://api.dev.name.com/v4`.",
        least_privilege="Tokens cannot be limited to domains: make one for Zoneproof alone, so that"
        " it can be withdrawn alone.",
        name_servers=("ns?*.name.com",),
        aliases=(
            Alias("acme.sh", "dns_namecom", {"Namecom_Username": "user", "Namecom_Token": "token"}),
            Alias("lego", "namedotcom", {"NAMECOM_USERNAME": "user", "NAMECOM_API_TOKEN": "token"}),
        ),
    )
    login: ClassVar[Login] = ("user", "token")
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=(), messages=("details", "message"), phrases=("duplicate record",)
    )
    refusals: ClassVar[Refusals] = {
        "duplicate record": ALREADY,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains; they are known by name."""
        found = await self.api.items("domains", _Domain, at="domains", paging=_PAGES)
        return [(one.domain_name, "") for one in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the domain's TXT records."""
        found = await self.api.items(_path(zone), _Record, at="records", paging=_PAGES)
        return [
            StoredTxt(str(one.id), relative_name(one.host, zone), one.answer)
            for one in found
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the domain."""
        new = {"type": "TXT", "host": record.name, "answer": record.value, "ttl": record.ttl}
        await self.api.send("POST", _path(zone), json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"{_path(zone)}/{stored.id}")


def _path(zone: Zone) -> str:
    return f"domains/{zone.name}/records"
