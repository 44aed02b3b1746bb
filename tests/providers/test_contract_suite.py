"""The contract's tests find what they are for: each fault put into a provider fails them.

A fault is a small change to a provider that is right, and stands beside the clause that finds it.
That the same clause passes without the fault is what the provider's own row shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import msgspec
import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.desec import FakeDesec
from tests.providers.fakes.digitalocean import FakeDigitalOcean
from tests.providers.fakes.namecheap import FakeNamecheap
from tests.providers.harness import closing
from tests.support.fake_http import fake_http_server
from zoneproof.core.errors import (
    ProviderError,
    ProviderQuotaError,
    ProviderUnavailableError,
    ZoneproofError,
)
from zoneproof.providers import Provider, ProviderContext, TxtRecord, Zone
from zoneproof.providers.api_provider import ApiProvider
from zoneproof.providers.desec import Desec
from zoneproof.providers.digitalocean import DigitalOcean
from zoneproof.providers.lists import StoredTxt
from zoneproof.providers.namecheap import Host, Namecheap
from zoneproof.providers.recent_writes import RecentWrites
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, TxtSet, WholeZone

_FAILURES = "each_failure_is_the_right_error_and_says_who_where_and_why"


class DigitalOceanRow(ApiContract):
    slug = "digitalocean"
    fake = FakeDigitalOcean
    root = "/v2"
    fields = {"token": "dop_v1_0123456789abcdef"}


class DesecRow(ApiContract):
    slug = "desec"
    fake = FakeDesec
    root = "/api/v1"
    fields = {"token": "i-T3b1h_OI-H9ab8tRS98stGtURe"}


class NamecheapRow(ApiContract):
    slug = "namecheap"
    fake = FakeNamecheap
    root = "/xml.response"
    fields = {"user": "somebody", "key": "0123456789abcdef", "client_ip": "198.51.100.7"}


@asynccontextmanager
async def _no_lock(self: ApiProvider, zone: Zone, names: object) -> AsyncIterator[None]:
    yield


class WithoutLock(DigitalOcean):
    _hold = _no_lock


class SetsWithoutLock(Desec):
    _hold = _no_lock
    checks = False


class WithoutCheck(Desec):
    checks = False


class WholeWithoutCheck(Namecheap):
    async def _converge(self, zone: Zone, look: Any, *, sure: bool) -> None:
        await super()._converge(zone, look, sure=True)


class WithoutPages(DigitalOcean):
    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        listed = await super().list_records(zone, name)
        return listed[:200]


class WithoutPagesOfZones(DigitalOcean):
    async def list_zones(self) -> list[tuple[str, str]]:
        return (await super().list_zones())[:200]


class WithoutMinimum(DigitalOcean):
    info = msgspec.structs.replace(
        DigitalOcean.info,
        fields=DigitalOcean.info.fields[:-1],
        limits=msgspec.structs.replace(DigitalOcean.info.limits, min_ttl=1),
    )


class WithoutLooking(DigitalOcean):
    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        return []


class RepeatsBlindly(DigitalOcean):
    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        path = f"domains/{zone.name}/records"
        new = {"type": "TXT", "name": record.name or "@", "data": record.value, "ttl": record.ttl}
        await self.api.send("POST", path, json=new, repeatable=True)


class GivesUp(DigitalOcean):
    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        try:
            await super().create_record(zone, record)
        except ProviderUnavailableError as error:
            raise ProviderError(error.message, changed_nothing=error.changed_nothing) from error


class IsTooSure(DigitalOcean):
    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        try:
            await super().create_record(zone, record)
        except ProviderUnavailableError as error:
            error.changed_nothing = True
            raise


class MindsWhatIsGone(DigitalOcean):
    async def _delete_all(self, zone: Zone, left: list[StoredTxt]) -> None:
        for stored in left:
            await self.api.send("DELETE", f"domains/{zone.name}/records/{stored.id}")


class BelievesEach200(Namecheap):
    errors: ClassVar[ErrorBody] = ErrorBody()


class ForgetsOthers(Desec):
    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        only = [replace(one, new=replace(one.new, values=one.new.values[-1:])) for one in changes]
        await super().write_sets(zone, only)


class DropsOtherTypes(Namecheap):
    async def read_zone(self, zone: Zone) -> WholeZone[Host]:
        whole = await super().read_zone(zone)
        return WholeZone([host for host in whole.records if host["Type"] == "TXT"], whole.extra)


class MatchesWithoutDot(DigitalOcean):
    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await super().add(await self._likely(zone), records)

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await super().remove(await self._likely(zone), records)

    async def _likely(self, zone: Zone) -> Zone:
        found = [one for one in await self.zones() if one.name.text.endswith(zone.name.text)]
        return max(found, key=lambda one: len(one.name.text), default=zone)


class RemovesAll(Desec):
    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        names = {record.name for record in records}
        gone = [SetChange(name, TxtSet(), TxtSet((), 3600)) for name in names]
        if gone:
            await self.write_sets(zone, gone)


class NamesNoScheme(DigitalOcean):
    headers = "Authorization: {token}"


class SharesItsKey(DigitalOcean):
    _first: ClassVar[dict[str, str]] = {}

    def __init__(self, context: ProviderContext) -> None:
        self._first.setdefault(context.fields["api_url"], context.fields["token"])
        token = self._first[context.fields["api_url"]]
        super().__init__(
            msgspec.structs.replace(context, fields={**context.fields, "token": token})
        )


class TellsItsKey(DigitalOcean):
    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        self.api._secrets.clear()


class MixesUpErrors(DigitalOcean):
    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        try:
            await super().create_record(zone, record)
        except ProviderError as error:
            raise ProviderError(error.message) from error


class DoesNotSayWhere(DigitalOcean):
    def _about(self, zone: Zone | None, *, unchanged: bool | None = None) -> Any:
        return super()._about(None, unchanged=unchanged)


class WaitsForever(DigitalOcean):
    def __init__(self, context: ProviderContext) -> None:
        super().__init__(msgspec.structs.replace(context, timeout=1.1))


class DoesNotWait(DigitalOcean):
    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        path = f"domains/{zone.name}/records"
        new = {"type": "TXT", "name": record.name or "@", "data": record.value, "ttl": record.ttl}
        impatient: Refusals = {
            429: Refusal(ProviderQuotaError, "busy"),
            503: Refusal(ProviderError, "busy"),
        }
        await self.api.send("POST", path, json=new, refusals=impatient)


class RemembersNothing(RecentWrites[Any]):
    def correct(self, key: Hashable, mark: object, read: Any) -> Any:
        return read


class BelievesLateReads(Namecheap):
    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        self._recent = RemembersNothing()


class BelievesLateLists(DigitalOcean):
    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        self._recent = RemembersNothing()


class Quotes(DigitalOcean):
    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        await super().create_record(zone, replace(record, value=record.value.replace('"', "'")))


FAULTS: list[tuple[type[ApiContract], type[Provider], str]] = [
    (DigitalOceanRow, WithoutLock, "the_same_value_twice_at_once_stands_once"),
    (DesecRow, SetsWithoutLock, "ten_concurrent_adds_leave_ten_values"),
    (DesecRow, WithoutCheck, "what_others_add_meanwhile_stays"),
    (NamecheapRow, WholeWithoutCheck, "what_others_overwrite_is_written_again"),
    (DigitalOceanRow, WithoutPages, "what_is_on_page_three_is_seen"),
    (DigitalOceanRow, WithoutPagesOfZones, "zones_on_all_pages_are_listed_and_no_others"),
    (DigitalOceanRow, WithoutMinimum, "a_ttl_below_the_minimum_is_raised"),
    (DigitalOceanRow, WithoutLooking, "adding_a_value_twice_leaves_it_once"),
    (DigitalOceanRow, RepeatsBlindly, "an_answer_that_is_lost_is_made_up_for"),
    (DigitalOceanRow, GivesUp, "an_answer_that_is_lost_is_made_up_for"),
    (NamecheapRow, BelievesLateReads, "reads_that_lag_mislead_nobody"),
    (DigitalOceanRow, BelievesLateLists, "reads_that_lag_mislead_nobody"),
    (DigitalOceanRow, IsTooSure, "a_write_that_fails_for_good_may_have_been_done"),
    (DigitalOceanRow, MindsWhatIsGone, "what_is_gone_meanwhile_need_not_be_removed"),
    (NamecheapRow, BelievesEach200, _FAILURES),
    (DesecRow, ForgetsOthers, "adding_keeps_values_that_are_there"),
    (NamecheapRow, DropsOtherTypes, "records_of_other_types_at_the_name_stay"),
    (DigitalOceanRow, MatchesWithoutDot, "a_zone_is_found_by_its_whole_name"),
    (DigitalOceanRow, MatchesWithoutDot, "only_the_given_zone_changes"),
    (DesecRow, RemovesAll, "removing_takes_only_the_value_named"),
    (DigitalOceanRow, NamesNoScheme, "a_value_comes_back_as_it_was"),
    (DigitalOceanRow, SharesItsKey, "two_credentials_work_at_the_same_time"),
    (DigitalOceanRow, TellsItsKey, _FAILURES),
    (DigitalOceanRow, MixesUpErrors, _FAILURES),
    (DigitalOceanRow, DoesNotSayWhere, _FAILURES),
    (DigitalOceanRow, WaitsForever, "a_server_that_never_answers_is_an_error"),
    (DigitalOceanRow, DoesNotWait, "a_service_that_is_busy_is_asked_again"),
    (DigitalOceanRow, Quotes, "a_value_comes_back_as_it_was"),
]


async def passes(row: type[ApiContract], made: type[Provider], clause: str) -> bool:
    """Tell whether the provider passes a clause, with all its values, each against a new fake."""

    class Row(row):  # type: ignore[misc, valid-type]
        def make(self, context: ProviderContext) -> Provider:
            return made(context)

        def provider(self) -> type[Provider]:
            return made

    test = getattr(Row(), f"test_{clause}")
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    for arguments in [(value,) for value in marks[0].args[1]] if marks else [()]:
        api = Row.fake()
        async with fake_http_server(api) as server, closing(ApiHarness(Row(), api, server)) as one:
            try:
                await test(one, *arguments)
            except (AssertionError, ZoneproofError, TimeoutError, pytest.fail.Exception):
                return False
    return True


@pytest.mark.parametrize(
    ("row", "made", "clause"), FAULTS, ids=lambda one: getattr(one, "__name__", None)
)
async def test_each_fault_is_found(
    row: type[ApiContract], made: type[Provider], clause: str
) -> None:
    assert await passes(row, row().provider(), clause)
    assert not await passes(row, made, clause)
