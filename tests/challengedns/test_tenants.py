"""Tenants and keys in their database: quotas, expiry, who may what."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.challenge_service import txt
from tests.support.clock import Clock
from tests.support.opened_service import OpenRegistrations, OpenTenants, open_registrations
from zoneproof.challengedns.store.authentication import Caller
from zoneproof.challengedns.store.registrations import NewRegistration
from zoneproof.challengedns.store.tenants import MAX_QUOTA
from zoneproof.core.errors import InvalidInputError, RegistrationError
from zoneproof.core.names import DomainName


@pytest.fixture
def clock() -> Clock:
    return Clock(now=1_000_000.0)


def opened(place: Path | str, clock: Clock) -> OpenRegistrations:
    return open_registrations(
        place,
        zone=DomainName("auth.example.org"),
        value_lifetime=3600,
        clock=clock,
    )


@pytest.fixture
async def registrations(place: Path | str, clock: Clock) -> AsyncIterator[OpenRegistrations]:
    found = opened(place, clock)
    yield found
    await found.close()


@pytest.fixture
def tenants(registrations: OpenRegistrations) -> OpenTenants:
    return registrations.tenants


async def refusal(action: Coroutine[Any, Any, object]) -> str:
    """Return the word with which something is refused."""
    with pytest.raises(RegistrationError) as caught:
        await action
    assert "\n" not in caught.value.message
    return caught.value.code


def update(registrations: OpenRegistrations, made: NewRegistration) -> Coroutine[Any, Any, None]:
    caller = Caller(made.username, made.password, ipaddress.ip_address("192.0.2.1"))
    return registrations.update(caller, made.subdomain, txt("a"))


# --- keys --------------------------------------------------------------------------------------


async def test_a_tenant_has_as_many_keys_as_it_wants_and_each_can_be_revoked(
    tenants: OpenTenants,
) -> None:
    await tenants.create("acme")
    first = await tenants.create_key("acme", note="web servers")
    second = await tenants.create_key("acme", note="mail\nservers")
    listed = await tenants.keys(tenant="acme")
    assert {(key.id, key.note) for key in listed} == {
        (first.id, "web servers"),
        (second.id, "mailservers"),
    }
    assert (await tenants.authenticate(first.key)).tenant == "acme"
    await tenants.revoke_key(first.id)
    assert await refusal(tenants.authenticate(first.key)) == "forbidden"
    assert (await tenants.authenticate(second.key)).id == second.id
    assert await refusal(tenants.revoke_key(first.id)) == "not_found"


async def test_an_operators_key_belongs_to_no_tenant(tenants: OpenTenants) -> None:
    made = await tenants.create_key(None, note="admin")
    assert (await tenants.authenticate(made.key)).tenant is None
    assert [key.id for key in await tenants.keys()] == [made.id]


async def test_no_key_is_kept_or_shown(
    registrations: OpenRegistrations, tenants: OpenTenants, tmp_path: Path
) -> None:
    await tenants.create("acme")
    made = await tenants.create_key("acme")
    assert made.key not in repr(made)
    assert made.key not in repr(await tenants.keys())
    await registrations.close()
    for path in tmp_path.iterdir():
        assert made.key[12:].encode() not in path.read_bytes()


async def test_a_wrong_key_and_a_disabled_tenants_are_the_same_to_the_caller(
    tenants: OpenTenants,
) -> None:
    await tenants.create("acme")
    made = await tenants.create_key("acme")
    await tenants.alter("acme", lambda known: replace(known, disabled=True))
    wrong = made.key[:-1] + ("x" if made.key[-1] != "x" else "y")
    unknown = "zp_00000000_" + "x" * 40
    for key in ("", "x", wrong, unknown, made.key, made.id):
        assert await refusal(tenants.authenticate(key)) == "forbidden"
    with pytest.raises(RegistrationError, match=r"'acme' is disabled"):
        await tenants.authenticate(made.key)
    with pytest.raises(RegistrationError, match=f"wrong, its id {made.id} .* key of tenant 'acme'"):
        await tenants.authenticate(wrong)


# --- expiry, switch ----------------------------------------------------------------------------


async def test_a_tenant_that_expires_can_do_nothing_until_it_is_prolonged(
    registrations: OpenRegistrations, tenants: OpenTenants, clock: Clock
) -> None:
    await tenants.create("acme", expires_at=int(clock.now) + 100)
    key = (await tenants.create_key("acme")).key
    made = await registrations.register(tenant="acme")
    clock.now += 99
    await update(registrations, made)
    clock.now += 1
    assert await refusal(tenants.authenticate(key)) == "licence_expired"
    assert await refusal(registrations.register(tenant="acme")) == "licence_expired"
    assert await refusal(update(registrations, made)) == "licence_expired"
    await tenants.alter("acme", lambda known: replace(known, expires_at=None))
    await tenants.authenticate(key)
    await update(registrations, made)


async def test_a_disabled_tenant_cannot_register_or_update_until_it_is_enabled(
    registrations: OpenRegistrations, tenants: OpenTenants
) -> None:
    await tenants.create("acme")
    made, without = await registrations.register(tenant="acme"), await registrations.register()
    await tenants.alter("acme", lambda known: replace(known, disabled=True))
    assert await refusal(registrations.register(tenant="acme")) == "forbidden"
    assert await refusal(update(registrations, made)) == "forbidden"
    await update(registrations, without)
    await tenants.alter("acme", lambda known: replace(known, disabled=False))
    await update(registrations, made)


async def test_nobody_without_the_registrations_key_learns_of_its_tenant(
    registrations: OpenRegistrations, tenants: OpenTenants
) -> None:
    await tenants.create("acme", expires_at=0)
    await tenants.alter("acme", lambda known: replace(known, expires_at=None))
    made = await registrations.register(tenant="acme")
    await tenants.alter("acme", lambda known: replace(known, expires_at=1))
    guess = replace(made, password="x" * 40)
    assert await refusal(update(registrations, guess)) == "forbidden"


# --- quota -------------------------------------------------------------------------------------


async def test_the_quota_is_exact_when_many_register_at_once(
    place: Path | str, registrations: OpenRegistrations, tenants: OpenTenants, clock: Clock
) -> None:
    await tenants.create("acme", quota=10)
    # With a connection of its own, as another process would be.
    other = opened(place, clock)
    results = await asyncio.gather(
        *(each.register(tenant="acme") for _ in range(50) for each in (registrations, other)),
        return_exceptions=True,
    )
    await other.close()
    refused = [each for each in results if isinstance(each, RegistrationError)]
    assert {each.code for each in refused} == {"quota_exceeded"}
    assert len(results) - len(refused) == 10
    assert (await tenants.get("acme")).registrations == 10
    assert len(await registrations.page(tenant="acme")) == 10


async def test_a_deleted_registration_makes_room_and_a_disabled_one_does_not(
    registrations: OpenRegistrations, tenants: OpenTenants
) -> None:
    await tenants.create("acme", quota=1)
    made = await registrations.register(tenant="acme")
    await registrations.set_disabled(made.subdomain, disabled=True)
    assert await refusal(registrations.register(tenant="acme")) == "quota_exceeded"
    await registrations.delete(made.subdomain)
    await registrations.register(tenant="acme")
    assert (await tenants.get("acme")).registrations == 1


async def test_registrations_of_others_do_not_count(
    registrations: OpenRegistrations, tenants: OpenTenants
) -> None:
    await tenants.create("acme", quota=1)
    await tenants.create("other", quota=2)
    await registrations.register()
    await registrations.register(tenant="other")
    await registrations.delete((await registrations.register()).subdomain)
    mine = await registrations.register(tenant="acme")
    assert [each.subdomain for each in await registrations.page(tenant="acme")] == [mine.subdomain]
    assert len(await registrations.page()) == 3


async def test_a_quota_below_what_there_is_takes_nothing_away(
    registrations: OpenRegistrations, tenants: OpenTenants
) -> None:
    await tenants.create("acme", quota=2)
    made = [await registrations.register(tenant="acme") for _ in range(2)]
    altered = await tenants.alter("acme", lambda known: replace(known, quota=1))
    assert (altered.quota, altered.registrations) == (1, 2)
    for each in made:
        await update(registrations, each)
    assert await refusal(registrations.register(tenant="acme")) == "quota_exceeded"


async def test_registrations_are_assigned_all_or_none_and_counted_exactly(
    registrations: OpenRegistrations, tenants: OpenTenants
) -> None:
    await tenants.create("acme", quota=3)
    await tenants.create("other")
    free = [(await registrations.register()).subdomain for _ in range(3)]
    others = (await registrations.register(tenant="other")).subdomain
    assert await refusal(registrations.assign([*free, others], "acme")) == "quota_exceeded"
    with pytest.raises(InvalidInputError, match="no registration 'x'"):
        await registrations.assign([free[0], "x"], "acme")
    assert await refusal(registrations.assign(free, "nobody")) == "not_found"
    assert (await tenants.get("acme")).registrations == 0
    assert await registrations.assign([free[0], free[0].upper(), others], "acme") == 2
    assert await registrations.assign([free[0]], "acme") == 0
    assert (await tenants.get("acme")).registrations == 2
    assert (await tenants.get("other")).registrations == 0
    assert {each.subdomain for each in await registrations.page(tenant="acme")} == {free[0], others}
    await tenants.delete("other")


async def test_all_without_a_tenant_are_assigned_but_those_with_some_notes(
    registrations: OpenRegistrations, tenants: OpenTenants
) -> None:
    await tenants.create("acme", quota=3)
    await tenants.create("other")
    await registrations.register(tenant="other")
    for note in ("", "", "www.example.com", "api.auth.example.org"):
        await registrations.register(note=note)
    assert await refusal(registrations.assign_all_without_tenant("acme")) == "quota_exceeded"
    assert await refusal(registrations.assign_all_without_tenant("nobody")) == "not_found"
    kept = ["api.auth.example.org"]
    assert await registrations.assign_all_without_tenant("acme", but=kept) == 3
    assert await registrations.assign_all_without_tenant("acme", but=kept) == 0
    assert (await tenants.get("acme")).registrations == 3
    assert (await tenants.get("other")).registrations == 1
    (left,) = [each for each in await registrations.page() if each.tenant is None]
    assert left.note == "api.auth.example.org"


async def test_the_quota_is_exact_when_many_are_assigned_while_others_register(
    place: Path | str, registrations: OpenRegistrations, tenants: OpenTenants, clock: Clock
) -> None:
    await tenants.create("acme", quota=15)
    free = [(await registrations.register()).subdomain for _ in range(10)]
    other = opened(place, clock)
    results = await asyncio.gather(
        *(other.assign([each], "acme") for each in free),
        *(registrations.register(tenant="acme") for _ in range(10)),
        return_exceptions=True,
    )
    await other.close()
    refused = [each for each in results if isinstance(each, RegistrationError)]
    assert {each.code for each in refused} == {"quota_exceeded"}
    assert len(refused) == 5
    assert (await tenants.get("acme")).registrations == 15
    assert len(await registrations.page(tenant="acme")) == 15


async def test_a_bad_allowfrom_uses_up_nothing(
    registrations: OpenRegistrations, tenants: OpenTenants
) -> None:
    await tenants.create("acme", quota=1)
    action = registrations.register(tenant="acme", allowfrom=["x"])
    assert await refusal(action) == "invalid_allowfrom_cidr"
    assert (await tenants.get("acme")).registrations == 0


# --- administration ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "A", "-a", ".", "..", "a/b", "a b", "a\n", "é", "a" * 64])
async def test_a_name_that_is_unfit_for_urls_is_refused(tenants: OpenTenants, name: str) -> None:
    assert await refusal(tenants.create(name)) == "invalid_name"


@pytest.mark.parametrize("quota", [-1, MAX_QUOTA + 1])
async def test_a_quota_out_of_bounds_is_refused(tenants: OpenTenants, quota: int) -> None:
    assert await refusal(tenants.create("acme", quota=quota)) == "invalid_quota"
    await tenants.create("acme", quota=0)
    action = tenants.alter("acme", lambda known: replace(known, quota=quota))
    assert await refusal(action) == "invalid_quota"


async def test_a_tenant_is_made_once_and_deleted_when_it_is_empty(
    registrations: OpenRegistrations, tenants: OpenTenants
) -> None:
    await tenants.create("acme")
    assert await refusal(tenants.create("acme")) == "already_exists"
    key = await tenants.create_key("acme")
    made = await registrations.register(tenant="acme")
    assert await refusal(tenants.delete("acme")) == "tenant_in_use"
    await registrations.delete(made.subdomain)
    await tenants.delete("acme")
    assert await refusal(tenants.authenticate(key.key)) == "forbidden"
    assert await tenants.keys() == []
    assert await tenants.page() == []


async def test_what_there_is_not_is_not_found(tenants: OpenTenants) -> None:
    for action in (
        tenants.get("acme"),
        tenants.alter("acme", lambda known: known),
        tenants.delete("acme"),
        tenants.create_key("acme"),
        tenants.keys(tenant="acme"),
        tenants.revoke_key("00000000"),
    ):
        assert await refusal(action) == "not_found"


async def test_lists_come_in_pages(tenants: OpenTenants) -> None:
    names = [f"tenant-{number}" for number in range(5)]
    for name in reversed(names):
        await tenants.create(name)
    assert [each.name for each in await tenants.page(limit=2)] == names[:2]
    assert [each.name for each in await tenants.page(after=names[1], limit=9)] == names[2:]
    ids = sorted([(await tenants.create_key(names[0])).id for _ in range(5)])
    assert [key.id for key in await tenants.keys(tenant=names[0], limit=3)] == ids[:3]
    assert [key.id for key in await tenants.keys(after=ids[2])] == ids[3:]
    assert await tenants.keys(tenant=names[1]) == []
