"""The provider for netcup's CloudDNS: challenges that can be added and removed, one by one."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from zoneproof.core.errors import InvalidInputError, ProviderZoneError
from zoneproof.providers.api_provider import ApiProvider
from zoneproof.providers.batches import one_by_one
from zoneproof.providers.contract import Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import relative_name
from zoneproof.providers.refusals import ErrorBody, Problem, Refusal, Refusals

_NO_DOMAIN = Refusal.no_zone("it does not know the domain, or not for this customer")


class _Domain(msgspec.Struct, rename={"managed": "isDnsManaged"}):
    id: int
    fqdn: str
    managed: bool


class _Errors(ErrorBody):
    """Reads the code of the first error; a success may have no body."""

    def read(self, status: int, body: bytes) -> Problem | None:
        return super().read(status, body) if body.strip() or status >= 400 else None


class NetcupCloudDns(ApiProvider):
    """Adds and removes challenges by name and value; to do so twice is no error for the API."""

    info = ProviderInfo(
        slug="netcup-clouddns",
        title="netcup CloudDNS",
        homepage="https://www.netcup.com",
        fields=(token_field("key", "API key, which is not one of the legacy API keys"),),
        key_url="https://www.customercontrolpanel.de/daten_aendern.php?sprung=api",
        api_url="https://api.netcup.com/v1",
        default_ttl=300,
        limits=Limits(value_pattern="[A-Za-z0-9_-]{43}", has_ttl=False, only_challenges=True),
        notes="For domains that have the tab CloudDNS in the customer control panel, as those have"
        " that were registered since the summer of 2026; those with the tab DNS need `netcup`. The"
        " key is made there at Master data, API, among the API keys, not the legacy API keys. The"
        " part of the API that is for ACME is used: it takes the values of dns-01 at names that"
        " begin with `_acme-challenge`. So dns-account-01 and dns-persist-01 are not possible, and"
        " a CNAME into a zone there has to lead to such a name. Zones are not listed. Changes take"
        " a minute or more to be seen. Sources: three clients of 2026.",
        least_privilege="Keys that may do less are not known; delete keys that nothing uses.",
    )
    headers = "Authorization: Bearer {key}"
    errors = _Errors(
        codes=("errors.0.code",), messages=("errors.0.message",), success=("success", True)
    )
    refusals: ClassVar[Refusals] = {
        "authenticationError": Refusal.wrong_key(
            "it does not accept the key",
            f"make an API key, not a legacy API key, at {info.key_url}",
        ),
        "resourceDoesNotExist": _NO_DOMAIN,
    }
    zone_list = None  # whether domains can be asked for without a name is not known
    at_once = 1  # what changes at the same time do to a zone is not known, either

    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await one_by_one(self._create, await self._found(zone), records)

    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        possible = [record for record in records if self._can_be_there(record)]
        if possible:
            await one_by_one(self._delete, await self._found(zone), possible)

    def _can_be_there(self, record: TxtRecord) -> bool:
        try:
            self.info.limits.check_name(record.name)
            self.info.limits.check(record.value)
        except InvalidInputError:
            return False
        return True

    async def _found(self, zone: Zone) -> Zone:
        """Return the zone with its id. Raises ProviderError."""
        also: Refusals = {"validationError": _NO_DOMAIN}  # as for a name with an underscore
        with self._about(zone, unchanged=True):
            found = await self.api.items(
                "domain", _Domain, at="result", query={"fqdn": zone.name.text}, also=also
            )
            same = [one for one in found if one.fqdn and not relative_name(one.fqdn, zone)]
            if not same:
                raise ProviderZoneError("it does not have the domain for this customer")
            if not same[0].managed:
                raise ProviderZoneError(
                    "the domain is not in CloudDNS; if its DNS is at netcup nevertheless, use the"
                    " provider netcup with a legacy API key"
                )
        return Zone(zone.name, str(same[0].id))

    async def _create(self, zone: Zone, record: TxtRecord) -> None:
        async def look() -> Coroutine[Any, Any, None]:
            return self._post(zone, record)

        async with self._hold(zone, [record.name]):
            await self._converge(zone, look, sure=True)

    async def _post(self, zone: Zone, record: TxtRecord) -> None:
        challenge = {"scope": _scope(record), "value": record.value}
        await self.api.send("POST", _path(zone), json=challenge)

    async def _delete(self, zone: Zone, record: TxtRecord) -> None:
        path = f"{_path(zone)}/{quote(_scope(record), safe='@')}/{record.value}"
        async with self._hold(zone, [record.name]):
            with self._about(zone):
                await self.api.delete(path)


def _path(zone: Zone) -> str:
    return f"domain/{zone.id}/acme/challenge"


def _scope(record: TxtRecord) -> str:
    """Return what follows ``_acme-challenge`` in the name, which the API itself begins with."""
    return record.name.partition(".")[2] or "@"
