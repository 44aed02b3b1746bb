"""The provider for the DNS of IBM Cloud's classic infrastructure (SoftLayer)."""

from __future__ import annotations

import json
from typing import ClassVar, TypeVar

import msgspec

from zoneproof.core.errors import ProviderError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import ZONE_ID, CredentialField, token_field
from zoneproof.providers.lists import StoredTxt, relative_name
from zoneproof.providers.refusals import SLOWER, ErrorBody, Refusal, Refusals

_T = TypeVar("_T")

_MOST = 100  # items on a page
_MOST_PAGES = 1000


class _Domain(msgspec.Struct):
    id: int
    name: str


class _Record(msgspec.Struct):
    id: int
    host: str
    data: str


class IbmClassic(RecordsProvider):
    """Creates and deletes records as objects of the SoftLayer API, found by a filter."""

    info = ProviderInfo(
        slug="ibm",
        title="IBM Cloud classic",
        homepage="https://cloud.ibm.com/docs/dns",
        fields=(
            CredentialField("user", "classic infrastructure user name, such as 1234_a@example.org"),
            token_field("key", "that user's classic infrastructure API key"),
            ZONE_ID,
        ),
        key_url="https://cloud.ibm.com/iam/apikeys",
        api_url="https://api.softlayer.com/rest/v3.1",
        limits=Limits(value_pattern="[A-Za-z0-9_.:=+/-]{1,255}"),
        notes="For zones of Domain Name Registration and of classic DNS; those of Cloud Internet"
        " Services are changed with `ibm-cis`. IBM's DNS Services have private zones only, which no"
        " certificate authority sees. From inside the private network the API is at"
        " `https://api.service.softlayer.com/rest/v3.1`. Values are limited to what clients are"
        " known to have written.",
        least_privilege="A user without devices and with the classic infrastructure permission to"
        " manage DNS only; it covers all zones of the account.",
        name_servers=("ns?.softlayer.com",),
        aliases=(
            Alias("lego", "ibmcloud", {"SOFTLAYER_USERNAME": "user", "SOFTLAYER_API_KEY": "key"}),
        ),
    )
    login = ("user", "key")
    errors = ErrorBody(codes=("code",), messages=("error",))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key("it does not accept user and key"),
        "SoftLayer_Exception_AccessDenied": Refusal.not_allowed(
            "the user may not do this", "let it manage DNS"
        ),
        "SoftLayer_Exception_ObjectNotFound": Refusal.no_zone(
            "it does not have the zone, or not for this user"
        ),
        "SoftLayer_Exception_Public": Refusal(ProviderError, "it refuses this"),
        "SoftLayer_Exception_WebService_RateLimitExceeded": SLOWER,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains with their ids."""
        found = await self._list("SoftLayer_Account/getDomains.json", _Domain, {})
        return [(one.name, str(one.id)) for one in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        wanted = {"type": {"operation": "_= txt"}, "host": {"operation": f"_= {name or '@'}"}}
        query = {
            "objectFilter": json.dumps({"resourceRecords": wanted}),
            "objectMask": "mask[id,host,data]",
        }
        path = f"SoftLayer_Dns_Domain/{zone.id}/getResourceRecords.json"
        found = await self._list(path, _Record, query)
        return [StoredTxt(str(one.id), relative_name(one.host, zone), one.data) for one in found]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Create the record as an object."""
        new = {
            "domainId": int(zone.id) if zone.id.isdigit() else zone.id,
            "type": "txt",
            "host": record.name or "@",
            "data": record.value,
            "ttl": record.ttl,
        }
        path = "SoftLayer_Dns_Domain_ResourceRecord.json"
        await self.api.send("POST", path, json={"parameters": [new]})

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record's object."""
        await self.api.delete(f"SoftLayer_Dns_Domain_ResourceRecord/{stored.id}.json")

    async def _list(self, path: str, of: type[_T], query: dict[str, str]) -> list[_T]:
        """Return all pages of a list; a single item may stand without brackets."""
        found: list[_T] = []
        for _ in range(_MOST_PAGES):
            asked = {**query, "resultLimit": f"{len(found)},{_MOST}"}
            answer = await self.api.send("GET", path, query=asked)
            if answer.body.lstrip()[:1] == b"{":
                return [*found, self.api.read(answer, of)]
            page = self.api.read(answer, list[of])  # type: ignore[valid-type]
            found += page
            if len(page) < _MOST:
                return found
        raise ProviderError(f"it has more than {_MOST_PAGES} pages of {path}")
