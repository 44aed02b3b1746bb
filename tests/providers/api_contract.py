"""The contract for providers with an HTTP API: a row of it is a class of a few lines.

A provider's test module says what to test, and inherits all clauses::

    class TestExample(ApiContract):
        slug = "example"
        fake = FakeExample
        root = "/v1"  # the path of the API
        fields = {"token": "an-example-of-a-token"}

What the service cannot do stands in the provider's ``info.limits``; which refusals it does not
have, with the reason, in the fake's ``impossible``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import ClassVar

import pytest

from tests.providers.api_harness import KINDS, ApiDescription, ApiHarness, longest_text
from tests.providers.contract_suite import TakesAnyText, TakesManyAtOnce, WholeContract
from tests.providers.harness import challenge_value, closing, txt
from tests.support.fake_api import Answer, Key
from tests.support.fake_http import Reply, Request, fake_http_server
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import ExpiringKeyProvider, TxtRecord, Zone
from zoneproof.providers.api_provider import RecordsProvider

MANY = 10


class TakesItsLimits(TakesManyAtOnce, TakesAnyText):
    """Clauses 3 and 4, as far as ``info.limits`` allow."""

    @pytest.mark.parametrize(
        "value",
        [
            'say "yes"',
            r"back\slash \" \\ \000",
            "semi;colon (and) more",
            "-n",
            "größer ✓",
            "x" * 255,
            "y" * 256,
            "z" * 600,
            'q"' * 200,
        ],
        ids=lambda value: value[:12],
    )
    async def test_a_value_comes_back_as_it_was(self, harness: ApiHarness, value: str) -> None:  # type: ignore[override]
        try:
            harness.info.limits.check(value)
        except InvalidInputError:
            name, ours = harness.name("a"), challenge_value()
            with pytest.raises(InvalidInputError):
                await harness.open().add(harness.zone, [txt(name, ours), txt(name, value)])
            assert await harness.values(harness.zone, name) == []
            await harness.open().remove(harness.zone, [txt(name, value)])
        else:
            await super().test_a_value_comes_back_as_it_was(harness, value)

    async def test_ten_concurrent_adds_leave_ten_values(self, harness: ApiHarness) -> None:  # type: ignore[override]
        most = min(harness.info.limits.values_at_name or MANY, MANY)
        name, values = await harness.new_name(), [challenge_value() for _ in range(most)]
        provider = harness.open()
        await all_at_once(provider.add(harness.zone, [txt(name, v)]) for v in values)
        assert sorted(await harness.values(harness.zone, name)) == sorted(values)
        await all_at_once(provider.remove(harness.zone, [txt(name, v)]) for v in values[1:])
        assert await harness.values(harness.zone, name) == values[:1]

    async def test_the_same_value_twice_at_once_stands_once(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        provider = harness.open()
        await all_at_once(provider.add(harness.zone, [txt(name, value)]) for _ in range(4))
        assert await harness.values(harness.zone, name) == [value]

    async def test_a_ttl_below_the_minimum_is_raised(self, harness: ApiHarness) -> None:
        name, limits = await harness.new_name(), harness.info.limits
        await harness.open().add(harness.zone, [TxtRecord(name, challenge_value(), 1)])
        if limits.has_ttl:
            assert [record.ttl for record in harness.stored.at(name)] == [limits.min_ttl]
            assert limits.min_ttl >= harness.api.min_ttl


class FindsItsZones:
    """Clause 5, for zones that the API lists."""

    async def test_zones_on_all_pages_are_listed_and_no_others(self, harness: ApiHarness) -> None:
        more = [f"zone-{i}.example" for i in range(2 * harness.api.page_size)]
        for name in more:
            harness.add_zone(name)
        harness.add_zone("not-ours.example")
        own = {harness.stored.name, harness.look_alike.name.text, *more}
        harness.api.keys[harness.key] = Key(frozenset(own))
        if not harness.api.lists_zones:
            own = set()
        zones = await harness.open().zones()
        assert {zone.name.text for zone in zones} == own
        assert len(zones) == len(own)
        assert not own or harness.zone.id in {zone.id for zone in zones}

    async def test_a_zone_is_found_by_its_whole_name(self, harness: ApiHarness) -> None:
        harness.stored.records.clear()
        zones = harness.api.zones
        harness.api.zones = dict(reversed(list(zones.items())))  # the look-alike is the first one
        name, value = await harness.new_name(), challenge_value()
        provider = harness.open()
        await provider.add(Zone(harness.zone.name), [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
        assert await harness.values(harness.look_alike, name) == []
        await provider.remove(Zone(harness.zone.name), [txt(name, value)])
        assert await harness.values(harness.zone, name) == []

    async def test_a_zone_s_id_wins_and_saves_the_list(self, harness: ApiHarness) -> None:
        if not harness.has_ids:
            return  # zones are known by name
        provider = harness.open(zone_id=harness.stored.id)
        assert await provider.zones() == []
        before = len(harness.server.requests)
        name, value = await harness.new_name(), challenge_value()
        await provider.add(Zone(harness.zone.name), [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
        asked = [r for r in harness.server.requests[before:] if not harness.api.is_login(r.path)]
        for request in asked:
            assert harness.stored.id.encode() in request.path.encode() + request.body

    async def test_of_an_unknown_name_nothing_is_written(self, harness: ApiHarness) -> None:
        with pytest.raises(ProviderZoneError, match=r"unknown\.example") as caught:
            await harness.open().add(
                Zone(DomainName.parse("unknown.example")),
                [txt(harness.name("a"), challenge_value())],
            )
        assert caught.value.changed_nothing


def _without_lists(found: object, *, keep: bool) -> object:
    """Return JSON without its lists, or with null where they were."""
    if isinstance(found, list):
        return None
    if not isinstance(found, dict):
        return found
    there = {key: _without_lists(value, keep=keep) for key, value in found.items()}
    return {key: one for key, one in there.items() if keep or not isinstance(found[key], list)}


class SurvivesOthers:
    """Clauses 1, 2 and 6, for what happens while the provider works."""

    async def test_what_is_on_page_three_is_seen(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        most = harness.info.limits.values_at_name
        for i in range(2 * harness.api.page_size):
            harness.api.plant(harness.stored, harness.name(f"filler-{i}"), "filler")
            if issubclass(harness.row.provider(), RecordsProvider) and most is None:
                harness.api.plant(harness.stored, name, f"filler-{i}")
        harness.api.plant(harness.stored, name, value)
        before = len(harness.stored.records)
        provider = harness.open()
        await provider.add(harness.zone, [txt(name, value)])
        assert len(harness.stored.records) == before
        await provider.remove(harness.zone, [txt(name, value)])
        assert len(harness.stored.records) == before - 1
        assert value not in await harness.values(harness.zone, name)

    async def test_an_answer_that_is_lost_is_made_up_for(self, harness: ApiHarness) -> None:
        name, theirs, ours = await harness.new_name(), challenge_value(), challenge_value()
        await harness.plant_value(name, theirs)
        provider = harness.open()
        harness.api.lose = 1
        await provider.add(harness.zone, [txt(name, ours)])
        assert harness.api.lose == 0
        assert sorted(await harness.values(harness.zone, name)) == sorted([theirs, ours])
        harness.api.lose = 1
        await provider.remove(harness.zone, [txt(name, ours)])
        assert harness.api.lose == 0
        assert await harness.values(harness.zone, name) == [theirs]

    async def test_reads_that_lag_mislead_nobody(self, harness: ApiHarness) -> None:
        counts = []
        for harness.api.lag in (0, 2):
            name, first, second = await harness.new_name(), challenge_value(), challenge_value()
            if harness.info.limits.values_at_name == 1:
                second = first
            provider, before = harness.open(), harness.api.changes
            for value in (first, first, second):
                await provider.add(harness.zone, [txt(name, value)])
            assert sorted(await harness.values(harness.zone, name)) == sorted({first, second})
            counts.append(harness.api.changes - before)
            await provider.remove(harness.zone, [txt(name, first)])
            assert await harness.values(harness.zone, name) == [second] * (second != first)
            await provider.remove(harness.zone, [txt(name, second)])
            assert not await harness.has_records(name)
        assert counts[0] == counts[1]

    async def test_a_write_that_fails_for_good_may_have_been_done(
        self, harness: ApiHarness
    ) -> None:
        record = txt(await harness.new_name(), challenge_value())
        harness.api.after_read.append(
            lambda: harness.server.faults.extend([Reply(500, b"down")] * 50)
        )
        with pytest.raises(ProviderUnavailableError) as caught:
            await harness.open().add(harness.zone, [record])
        assert not caught.value.changed_nothing
        harness.server.faults.clear()

    async def test_of_a_read_that_fails_nothing_was_written(self, harness: ApiHarness) -> None:
        with (
            harness.server.failing(Reply(500, b"down")),
            pytest.raises(ProviderUnavailableError) as caught,
        ):
            await harness.open().add(harness.zone, [txt(harness.name("a"), challenge_value())])
        assert caught.value.changed_nothing

    @pytest.mark.parametrize("instead", [None, "nothing"])
    async def test_an_answer_without_its_lists_loses_nothing(
        self, harness: ApiHarness, instead: str | None
    ) -> None:
        name, theirs = await harness.new_name(), challenge_value()
        await harness.plant_value(name, theirs)

        def answer(request: Request) -> Answer:
            changes, reply = harness.api.changes, harness.api(request)
            if not isinstance(reply, Reply) or harness.api.changes > changes:
                return reply
            return replace(reply, body=_without_lists(reply.body, keep=instead is None))

        harness.server.handler = answer
        with suppress(ProviderError):
            await harness.open().add(harness.zone, [txt(name, challenge_value())])
        assert theirs in await harness.values(harness.zone, name)

    async def test_what_is_gone_meanwhile_need_not_be_removed(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        await harness.plant_value(name, value)
        harness.api.after_read.append(lambda: harness.api.withdraw(harness.stored, name))
        await harness.open().remove(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == []

    async def test_what_others_add_meanwhile_stays(self, harness: ApiHarness) -> None:
        if harness.overwrites:
            return  # the API replaces without looking: see the next clause
        name, theirs, ours = await harness.new_name(), challenge_value(), challenge_value()
        harness.api.after_read.append(lambda: harness.api.plant(harness.stored, name, theirs))
        await harness.open().add(harness.zone, [txt(name, ours)])
        assert sorted(await harness.values(harness.zone, name)) == sorted([theirs, ours])

    async def test_a_value_that_another_adds_meanwhile_is_there(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        harness.api.after_read.append(lambda: harness.api.plant(harness.stored, name, value))
        await harness.open().add(harness.zone, [txt(name, value)])
        assert set(await harness.values(harness.zone, name)) == {value}

    async def test_what_others_overwrite_is_written_again(self, harness: ApiHarness) -> None:
        if not harness.overwrites:
            return
        name, theirs, ours = await harness.new_name(), challenge_value(), challenge_value()
        harness.api.after_change.append(lambda: harness.api.overwrite(harness.stored, name, theirs))
        await harness.open().add(harness.zone, [txt(name, ours)])
        assert sorted(await harness.values(harness.zone, name)) == sorted([theirs, ours])

    @pytest.mark.parametrize("status", [429, 503])
    async def test_a_service_that_is_busy_is_asked_again(
        self, harness: ApiHarness, status: int
    ) -> None:
        record = txt(await harness.new_name(), challenge_value())
        busy = Reply(status, b"busy", {"Retry-After": "1"})
        harness.server.faults.append(busy)
        harness.api.after_read.append(lambda: harness.server.faults.append(busy))
        await harness.open().add(harness.zone, [record])
        assert await harness.values(harness.zone, record.name) == [record.value]


class ApiRow(ApiDescription):
    """What to test, and what is tested of every provider with an API, whatever it can do."""

    expires: ClassVar[date | None] = date(2099, 3, 1)  # None for a key of which nothing is told

    async def test_a_refusal_says_what_to_do(self, harness: ApiHarness) -> None:
        for failure in harness.failures():
            if failure.kind in (ProviderCredentialsError, ProviderPermissionError):
                with pytest.raises(failure.kind) as caught:
                    await failure.attempt()
                said = harness.api.refuse(
                    "permission" if failure.kind is ProviderPermissionError else "credentials"
                )
                assert "; " in str(caught.value).partition(longest_text(said))[2]

    async def test_it_is_said_what_is_wrong_with_a_record(self, harness: ApiHarness) -> None:
        with pytest.raises(ProviderError) as caught:
            await harness.open().add(harness.zone, [await harness.refused_record()])
        words = longest_text(harness.api.refuse("invalid")).split()
        assert all(word in str(caught.value) for word in words)

    async def test_it_is_told_when_the_key_expires(self, harness: ApiHarness) -> None:
        provider = harness.open()
        told = isinstance(provider, ExpiringKeyProvider)
        assert told == bool(harness.info.key_expiry)
        if not isinstance(provider, ExpiringKeyProvider):
            return
        if self.expires is None:
            with pytest.raises(ProviderError, match="does not tell when this key expires"):
                await provider.key_expires()
            return
        assert await provider.key_expires() is None
        harness.api.expires = datetime(2099, 3, 1, 12, tzinfo=UTC)
        assert await provider.key_expires() == self.expires
        with (
            harness.server.failing(Reply(403, b"You may not read this.")),
            pytest.raises(ProviderError, match=re.escape(harness.info.title)),
        ):
            await provider.key_expires()

    async def test_it_is_said_what_the_fake_was_made_from(self, harness: ApiHarness) -> None:
        assert re.search(r"20[12]\d", harness.api.sources)
        assert {*harness.api.refusals, *harness.api.impossible} >= {*KINDS, "invalid"}
        assert harness.info.key_url
        assert harness.info.least_privilege

    @pytest.fixture
    async def harness(self) -> AsyncIterator[ApiHarness]:
        api = self.fake()
        async with (
            fake_http_server(api) as server,
            closing(ApiHarness(self, api, server)) as made,
        ):
            yield made


class ApiContract(ApiRow, TakesItsLimits, FindsItsZones, SurvivesOthers, WholeContract):
    """All clauses for a provider and its fake."""
