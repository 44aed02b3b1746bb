"""What one order of a run finds to be down is not found out again by the others."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from msgspec.structs import replace

from zoneproof.core.errors import (
    AcmeConnectionError,
    AcmeProblemError,
    HeldUpError,
    OrderFailedError,
    ProviderPermissionError,
    ProviderUnavailableError,
    RateLimitedError,
    ZoneproofError,
)
from zoneproof.manager.certificates.outages import Needs, Outages
from zoneproof.providers import Provider

CA = "https://ca.test/dir"
DOWN = AcmeConnectionError("ca.test cannot be reached")
DEAD = ProviderUnavailableError("the name server does not answer")


def limited() -> ZoneproofError:
    return RateLimitedError("too many", type="t", detail="d", status=429)


def provider() -> Provider:
    return cast("Provider", object())  # nothing of it is used


def needs(name: str, **more: Any) -> Needs:
    site = ".".join(name.split(".")[-2:])
    return replace(Needs(name, "main", CA, frozenset({site})), **more)


def meet(outages: Outages, one: Needs, error: ZoneproofError) -> None:
    with pytest.raises(ZoneproofError), outages.watching(one):
        raise error


def is_held(outages: Outages, one: Needs) -> bool:
    try:
        outages.require_none(one)
    except HeldUpError:
        return True
    return False


def test_others_of_the_same_site_fail_with_the_first_and_say_with_whom() -> None:
    outages = Outages()
    meet(outages, needs("a.one.test", failures=2), DOWN)
    outages.remember("a.one.test", None)
    with pytest.raises(
        HeldUpError, match=r"cannot be reached \(a\.one\.test met this first"
    ) as held:
        outages.require_none(needs("b.one.test"))
    assert held.value.failures == 3


def test_what_is_in_flight_and_meets_it_too_fails_with_the_first() -> None:
    outages = Outages()
    meet(outages, needs("a.one.test"), DOWN)
    with pytest.raises(HeldUpError), outages.watching(needs("a.two.test")):
        raise AcmeConnectionError("another one")


def test_what_met_it_first_is_held_up_by_nobody() -> None:
    outages = Outages()
    meet(outages, needs("a.one.test"), DOWN)
    with pytest.raises(AcmeConnectionError), outages.watching(needs("a.one.test")):
        raise DOWN


def test_it_holds_for_all_when_three_sites_met_it() -> None:
    outages = Outages()
    for site in ("one.test", "two.test"):
        meet(outages, needs(site), DOWN)
        assert not is_held(outages, needs("four.test"))
    meet(outages, needs("three.test"), DOWN)
    assert is_held(outages, needs("four.test"))


def test_a_success_ends_it() -> None:
    outages = Outages()
    meet(outages, needs("a.one.test"), DOWN)
    with outages.watching(needs("two.test")):
        pass
    assert not is_held(outages, needs("b.one.test"))


def test_a_limit_is_the_account_s_and_a_ca_that_is_down_every_account_s() -> None:
    other = needs("b.one.test", account="other")
    outages = Outages()
    meet(outages, needs("a.one.test"), limited())
    assert is_held(outages, needs("b.one.test"))
    assert not is_held(outages, other)
    meet(outages, needs("a.one.test"), DOWN)
    assert is_held(outages, other)
    assert not is_held(outages, replace(other, directory_url="https://other.test/dir"))


@pytest.mark.parametrize(
    "error",
    [
        OrderFailedError("no TXT record"),
        AcmeProblemError("refused", type="t", detail="d", status=403),
        ProviderPermissionError("not in this zone"),
    ],
)
def test_what_concerns_one_order_holds_up_no_other(error: ZoneproofError) -> None:
    outages = Outages()
    meet(outages, needs("a.one.test"), error)
    assert not is_held(outages, needs("b.one.test"))


def test_a_ca_that_gives_no_advice_may_well_issue() -> None:
    outages = Outages()
    meet(outages, needs("a.one.test", aspect="advice"), DOWN)
    assert is_held(outages, needs("b.one.test", aspect="advice"))
    assert not is_held(outages, needs("b.one.test"))


async def test_one_order_tries_a_provider_and_the_others_wait_for_what_comes_of_it() -> None:
    outages, dead, begun, go_on = Outages(), provider(), asyncio.Event(), asyncio.Event()
    tries = 0

    async def publish(name: str) -> None:
        nonlocal tries
        one = needs(name, providers=frozenset({dead}))
        await outages.admit(dead, one)
        with outages.trying(dead, one):
            tries += 1
            begun.set()
            await go_on.wait()
            raise DEAD

    tasks = [asyncio.create_task(publish(f"{host}.one.test")) for host in "abcd"]
    await begun.wait()
    go_on.set()
    first, *rest = await asyncio.gather(*tasks, return_exceptions=True)
    assert first is DEAD
    assert all(isinstance(one, HeldUpError) for one in rest)
    assert tries == 1
    assert is_held(outages, needs("e.one.test", providers=frozenset({dead})))
    assert not is_held(outages, needs("e.one.test", providers=frozenset({provider()})))


async def test_a_provider_that_works_is_used_by_all_at_once() -> None:
    outages, good = Outages(), provider()
    all_there = asyncio.Barrier(3)

    async def publish(name: str) -> None:
        await outages.admit(good, needs(name))
        with outages.trying(good, needs(name)):
            await all_there.wait()

    await outages.admit(good, needs("a.one.test"))
    with outages.trying(good, needs("a.one.test")):
        pass
    await asyncio.gather(*(publish(f"{host}.one.test") for host in "bcd"))


async def test_a_trial_that_is_cut_off_or_fails_for_itself_lets_the_next_one_try() -> None:
    outages, good = Outages(), provider()
    for error in (asyncio.CancelledError(), ProviderPermissionError("not there")):
        await outages.admit(good, needs("a.one.test"))
        with pytest.raises(type(error)), outages.trying(good, needs("a.one.test")):
            raise error
    await outages.admit(good, needs("b.one.test"))
