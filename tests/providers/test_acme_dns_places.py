"""The two values that acme-dns keeps at a registration, and the seconds in which it counts them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.providers.acme_dns_harness import DOMAIN, WEB_PAGE, AcmeDnsHarness, harness, harness_with
from tests.providers.harness import challenge_value, txt
from tests.support.clock import Clock
from tests.support.fake_acme_dns import FakeAcmeDns
from tests.support.fake_http import Reply, fake_http_server
from tests.support.registrations import MemoryRegistrations
from zoneproof.core.errors import ProviderUnavailableError
from zoneproof.providers import LimitedProvider, ProviderContext, Zone, open_provider
from zoneproof.providers.acme_dns import AcmeDns

__all__ = ["harness"]  # a fixture


@asynccontextmanager
async def provider_in_time(
    time: Clock, *, forgets: bool = False
) -> AsyncIterator[tuple[FakeAcmeDns, AcmeDns, Zone]]:
    """Open a provider and its service by the same clock, and the zone of a registration."""
    api = FakeAcmeDns(forgets=forgets, clock=time)
    async with fake_http_server(api) as server:
        fields, store = {"server": server.url}, MemoryRegistrations()
        context = ProviderContext(fields, registrations=store, sleep=time.sleep, clock=time)
        provider = open_provider("acme-dns", context)
        assert isinstance(provider, AcmeDns)
        target = await provider.target(DOMAIN, create=True)
        assert target is not None
        yield api, provider, Zone(target)
        await provider.close()


@pytest.mark.parametrize("begins", [100.0, 100.4, 100.95])
@pytest.mark.parametrize("apart", [0.0, 0.1, 0.3, 1.5])
@pytest.mark.parametrize("sizes", [(2, 2, 2), (1, 2, 1, 2), (1, 1, 2, 2), (2, 1, 2), (1, 1, 1, 2)])
async def test_all_values_of_an_order_stand_however_soon_it_follows_another(
    sizes: tuple[int, ...], apart: float, begins: float
) -> None:
    time = Clock(now=begins)
    async with provider_in_time(time) as (api, provider, zone):
        (account,) = api.accounts.values()
        for size in sizes:
            values = [challenge_value() for _ in range(size)]
            for value in values:
                await provider.add(zone, [txt("", value)])
                time.now += apart
            assert set(account.values) >= set(values)
            for value in values:
                await provider.remove(zone, [txt("", value)])


async def test_an_apex_and_its_wildcard_wait_for_nothing() -> None:
    time = Clock(now=100.0)
    async with provider_in_time(time) as (_, provider, zone):
        for _ in range(2):
            await provider.add(zone, [txt("", challenge_value())])
    assert time.now == 100.0


async def test_a_service_that_withdraws_values_takes_any_number_in_a_second() -> None:
    time = Clock(now=100.0)
    async with provider_in_time(time, forgets=True) as (api, provider, zone):
        for _ in range(9):
            await provider.add(zone, [txt("", challenge_value())])
        (account,) = api.accounts.values()
    assert len(account.values) == 9
    assert time.now == 100.0


@pytest.mark.parametrize(("forgets", "places"), [(False, 2), (True, None)])
async def test_it_is_asked_once_whether_the_service_withdraws_values(
    forgets: bool, places: int | None
) -> None:
    async for made in harness_with(forgets=forgets):
        name, provider = await made.new_name(), made.open()
        assert isinstance(provider, LimitedProvider)
        before = len(made.server.requests)
        found = await asyncio.gather(*(provider.max_values(made.zone, name) for _ in range(3)))
        assert found == [places] * 3
        assert len(made.server.requests) - before == 1
        assert await made.values(made.zone, name) == []


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_service_that_refuses_to_withdraw_is_not_asked_for_more(
    harness: AcmeDnsHarness, status: int
) -> None:
    name, provider = await harness.new_name(), harness.open()
    with harness.server.failing(Reply(status, WEB_PAGE.body)):
        assert await provider.max_values(harness.zone, name) == 2


async def test_a_service_that_is_down_is_not_taken_for_one_that_cannot_withdraw(
    harness: AcmeDnsHarness,
) -> None:
    name, provider = await harness.new_name(), harness.open()
    with harness.server.failing(Reply(502)), pytest.raises(ProviderUnavailableError):
        await provider.max_values(harness.zone, name)
