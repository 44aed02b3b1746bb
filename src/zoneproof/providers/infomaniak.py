"""The provider for Infomaniak's DNS: records one by one, found by their name."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import Headers, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import WRONG_KEY, ErrorBody, Refusals
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_APEX = "."  # what the API calls the zone itself; read, it may be empty too
_PAGES = Numbered("per_page", 100)


class _Record(msgspec.Struct):
    id: int | str
    source: str
    type: str
    target: str


class Infomaniak(RecordsProvider):
    """Adds and deletes TXT records, their values in quotes.

    Zones are not listed: only the list of an account's products has them, which a token for DNS
    may not read.
    """

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="infomaniak",
        title="Infomaniak",
        homepage="https://developer.infomaniak.com/docs/api",
        fields=(token_field("token", "API token"),),
        key_url="https://manager.infomaniak.com/v3/ng/accounts/token/list",
        api_url="https://api.infomaniak.com",
        default_ttl=300,
        limits=Limits(value_pattern=r"[ -~]*", min_ttl=60),
        notes="How the API writes what is not ASCII is not described: such values are refused.",
        least_privilege="A token with the scopes `dns:read` and `dns:write`, and a date of expiry.",
        name_servers=("nsany?.infomaniak.com",),
        aliases=(
            Alias("certbot", "dns-infomaniak", {"token": "token"}),
            Alias(
                "acme.sh",
                "dns_infomaniak",
                {"INFOMANIAK_API_TOKEN": "token", "INFOMANIAK_API_URL": "api_url"},
            ),
            Alias(
                "lego",
                "infomaniak",
                {"INFOMANIAK_ACCESS_TOKEN": "token", "INFOMANIAK_ENDPOINT": "api_url"},
            ),
        ),
    )
    headers: ClassVar[Headers] = {"Authorization": "Bearer {token}"}
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("error.code",),
        messages=("error.errors.0.description", "error.description"),
        success=("result", "success"),
    )
    refusals: ClassVar[Refusals] = {
        "not_authorized": WRONG_KEY,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return none."""
        return []

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        query = {"filter[types][]": "TXT", "filter[source]": name or _APEX}
        found = await self.api.items(
            f"2/zones/{zone.name}/records",
            _Record,
            at="data",
            query=query,
            paging=_PAGES,
        )
        return [
            StoredTxt(str(o.id), relative_name(o.source.strip("."), zone), unquote_txt(o.target))
            for o in found
            if o.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        source, target = record.name or _APEX, quote_txt(record.value)
        new = {"type": "TXT", "source": source, "target": target, "ttl": record.ttl}
        await self.api.send("POST", f"2/zones/{zone.name}/records", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"2/zones/{zone.name}/records/{stored.id}")
