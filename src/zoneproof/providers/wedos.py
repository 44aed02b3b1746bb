"""The provider for WEDOS: commands in JSON, signed by the hour, and committed at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest, Body
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusal, Refusals

_NEW = {"name": "{name}", "ttl": "{ttl}", "type": "TXT", "rdata": "{value}"}
_ZONE = Refusal.no_zone("it does not know the domain, or not for this account")


class Wedos(RecordsProvider):
    """Adds and deletes rows, and then commits them, or they would wait for some minutes."""

    info = ProviderInfo(
        slug="wedos",
        title="WEDOS",
        homepage="https://www.wedos.com",
        fields=(
            CredentialField("user", "login name, an e-mail address"),
            CredentialField("password", "WAPI password", secret=True),
        ),
        key_url="https://kb.vedos.cz/en/wapi-manual/#aktivace",
        api_url="https://api.wedos.com/wapi/json",
        limits=Limits(min_ttl=300),
        notes="WAPI has to be activated first, with a password of its own and the addresses from"
        " which it may be used; the clock of this machine must be right.",
        least_privilege="The WAPI password is for all domains of the account; it works from the"
        " addresses that are entered beside it only.",
        name_servers=("ns.wedos.*",),
        aliases=(
            Alias("lego", "wedos", {"WEDOS_USERNAME": "user", "WEDOS_WAPI_PASSWORD": "password"}),
        ),
    )
    by_name = False
    errors = ErrorBody(
        codes=("response.code",), messages=("response.result",), success=("response.code", 1000)
    )
    refusals: ClassVar[Refusals] = {
        "2050": Refusal.wrong_key(
            "it does not accept user and WAPI password", "check them, and the clock of this machine"
        ),
        "2051": Refusal.not_allowed(
            "it does not accept this machine's address",
            "add its public address where WAPI was activated",
        ),
        "2052": Refusal.over_quota("this machine's address is blocked for a while"),
        "2006": Refusal.over_quota("too many requests"),
        "2310": Refusal.over_quota("the domain has too many records"),
        "2316": ALREADY,
        "3309": ALREADY,
        **dict.fromkeys(("2201", "2202", "3222", "3306"), _ZONE),
        "3223": Refusal.not_allowed("the account may not change the domain"),
        "2318": Refusal.no_zone(
            "it has the domain as a secondary one", "change it where its primary server is"
        ),
    }
    zone_list = ZoneList(
        "",
        json={"command": "dns-domains-list", "data": ""},
        at="response.data.domain",
        without={"type": "secondary"},
    )
    record_list = RecordList(
        "",
        json={"command": "dns-rows-list", "data": {"domain": "{zone.name}"}},
        at="response.data.row",
        id="ID",
        value="rdata",
        only={"rdtype": "TXT"},
        new={"command": "dns-row-add", "data": {"domain": "{zone.name}", **_NEW}},
    )

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one row."""
        row = {"domain": zone.name.text, "row_id": stored.id}
        await self.api.send("POST", json={"command": "dns-row-delete", "data": row})

    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await super()._add(zone, records)
        await self._commit(zone)

    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await super()._remove(zone, records)
        await self._commit(zone)

    async def _commit(self, zone: Zone) -> None:
        call = {"command": "dns-domain-commit", "data": {"name": zone.name.text}}
        with self._about(zone, unchanged=False):
            await self.api.send("POST", json=call, repeatable=True)

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Put the command into a form, with who sends it."""
        user = self.fields["user"]
        login = {"user": user, "auth": sign_wapi(user, self.fields["password"], self.now())}
        text = msgspec.json.encode({"request": {**login, **request.json}}).decode()
        return request.with_body(Body.form({"request": text}))


def sign_wapi(user: str, password: str, now: datetime) -> str:
    """Return WAPI's ``auth``: SHA-1 of user, SHA-1 of the password and the hour in Prague."""
    # The service chose SHA-1; TLS protects what is sent.
    inner = hashlib.sha1(password.encode()).hexdigest()  # noqa: S324
    whole = f"{user}{inner}{_prague(now):%H}"
    return hashlib.sha1(whole.encode()).hexdigest()  # noqa: S324


def _prague(now: datetime) -> datetime:
    """Return Prague's time without a database of time zones (Directive 2000/84/EC)."""
    now = now.astimezone(UTC)
    begin, end = (_last_sunday(now.year, month) + timedelta(hours=1) for month in (3, 10))
    return now + timedelta(hours=2 if begin <= now < end else 1)


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)
