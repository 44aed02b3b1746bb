"""The provider for Hetzner's Cloud API: values appended to a set and taken from it."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import InvalidInputError, ProviderError, ProviderUnavailableError
from zoneproof.core.text import sanitize
from zoneproof.providers.api_request import bearer
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import ALREADY, SLOWER, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_PAGES = NextWord(at="meta.pagination.next_page", word="page")
_LONGEST_ACTION = 30  # seconds, and as many questions whether it has ended
_OLD_TOKEN = 32  # characters


class _Record(msgspec.Struct):
    value: str


class _RRset(msgspec.Struct):
    records: list[_Record]
    ttl: int | None = None


class _Failure(msgspec.Struct):
    message: str = ""


class _Action(msgspec.Struct):
    id: int
    status: str
    error: _Failure | None = None


class _Started(msgspec.Struct):
    action: _Action


class Hetzner(SetsProvider):
    """Appends values to the TXT set at a name, and takes values from it.

    A change is an action that continues after the answer; its end is waited for.
    """

    info = ProviderInfo(
        slug="hetzner",
        title="Hetzner",
        homepage="https://docs.hetzner.com/networking/dns/",
        fields=(token_field("token", "API token of the project, with read and write access"),),
        key_url="https://console.hetzner.com/projects",
        api_url="https://api.hetzner.cloud/v1",
        limits=Limits(min_ttl=60),
        notes="This is the Cloud API. The DNS Console and its API at dns.hetzner.com were shut down"
        " in May 2026; zones have to be moved to the Hetzner Console, and need a new token. The API"
        " allows 3,600 requests of a project in an hour.",
        least_privilege="A token belongs to a project and may do everything in it: put the zones"
        " that certificates are for into a project of their own, without servers.",
        name_servers=(
            "hydrogen.ns.hetzner.com",
            "oxygen.ns.hetzner.com",
            "helium.ns.hetzner.de",
        ),
        aliases=(
            Alias("certbot", "dns-hetzner", {"api_token": "token"}),
            Alias("certbot", "dns-hetzner-cloud", {"api_token": "token"}),
            Alias(
                "acme.sh", "dns_hetznercloud", {"HETZNER_TOKEN": "token", "HETZNER_API": "api_url"}
            ),
            Alias("lego", "hetzner", {"HETZNER_API_TOKEN": "token"}),
        ),
    )
    checks = False  # nothing of others is written
    errors = ErrorBody(
        codes=("error.code",), messages=("error.message",), phrases=("duplicate value",)
    )
    refusals: ClassVar[Refusals] = {
        "token_readonly": Refusal.not_allowed(
            "the token may only read", "make one with read and write access"
        ),
        "incorrect_zone_mode": Refusal.not_allowed(
            "the zone is a secondary one", "change it at its primary name server"
        ),
        "protected": Refusal.not_allowed("the record set is protected from changes"),
        "duplicate value": ALREADY,  # the code is that of all invalid input
        "resource_limit_exceeded": Refusal.over_quota("the project has too many records"),
        "rate_limit_exceeded": SLOWER,
        "locked": Refusal.conflict("another change is in progress", again=True),
        "conflict": Refusal.conflict("another change came between", again=True),
    }
    zone_list = ZoneList("zones", at="zones", query={"per_page": 50}, paging=_PAGES)

    def __init__(self, context: ProviderContext) -> None:
        token = context.fields["token"]
        if len(token) == _OLD_TOKEN:
            raise InvalidInputError(
                "provider hetzner: the token is one of the old DNS Console, whose API was shut down"
                f" in May 2026; make one at {self.info.key_url}, in the zone's project"
            )
        super().__init__(context, headers=bearer(token))

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name. Its TTL is 0 if it is the zone's."""
        query = {"type": "TXT", "name": name or "@"}
        path = f"zones/{zone.name}/rrsets"
        for found in await self.api.items(path, _RRset, at="rrsets", query=query, paging=_PAGES):
            values = tuple(unquote_txt(record.value) for record in found.records)
            return TxtSet(values, found.ttl or 0)
        return TxtSet()

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Add the values that are new, or remove those that are not wanted any longer.

        The service makes the set with its first value, and deletes it with its last one.
        """
        path = f"zones/{zone.name}/rrsets/{change.name or '@'}/TXT/actions"
        if added := change.added:
            ttl = {"ttl": change.new.ttl} if change.new.ttl else {}
            body = {**ttl, "records": [{"value": quote_txt(value)} for value in added]}
            answer = await self.api.send("POST", f"{path}/add_records", json=body)
        else:
            body = {"records": [{"value": quote_txt(value)} for value in change.removed]}
            answer = await self.api.send(
                "POST",
                f"{path}/remove_records",
                json=body,
                also={404: ALREADY},
            )
        await self._wait_for(self.api.read(answer, _Started).action)

    async def _wait_for(self, action: _Action) -> None:
        for _ in range(_LONGEST_ACTION):
            if action.status != "running":
                break
            await self.sleep(1.0)
            action = (await self.api.get(f"zones/actions/{action.id}", _Started)).action
        else:
            raise ProviderUnavailableError(
                f"the change has not ended after {_LONGEST_ACTION} seconds; try again later"
            )
        if action.status == "error":
            reason = sanitize(action.error.message) if action.error else "no reason"
            raise ProviderError(f"the change failed, it says: {reason}")
