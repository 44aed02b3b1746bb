"""Keys that came from acme-dns: verified once with bcrypt, without keeping anybody waiting."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.challengedns.acme_dns import (
    Account,
    caller,
    client,
    registrations_of,
    take_over,
    write_sqlite,
)
from tests.support.challenge_service import Service, request, txt, update, write_config
from tests.support.opened_service import OpenRegistrations
from zoneproof.challengedns.importing.rows import UnusableRowError, read_account, read_value
from zoneproof.challengedns.importing.source import Row
from zoneproof.challengedns.store.keys import LegacyKeys, is_bcrypt
from zoneproof.core.errors import RegistrationError, StorageError
from zoneproof.core.names import DomainName

T = TypeVar("T")

WRONG = "x" * 40
ELSEWHERE = "2001:db8::1"


class Bcrypt(LegacyKeys):
    """Stands in for bcrypt: each verification waits until the test lets it end."""

    def __init__(self, wait_seconds: float = 20.0) -> None:
        super().__init__(self._matching, wait_seconds)
        self._asked = asyncio.Queue[str]()
        self._begun = asyncio.Queue[str]()
        self._go_on = threading.Semaphore(0)
        self._loop = asyncio.get_running_loop()

    def _matching(self, key: str, key_hash: str) -> bool:
        assert is_bcrypt(key_hash)
        self._loop.call_soon_threadsafe(self._begun.put_nowait, key)
        self._go_on.acquire()
        return key != WRONG

    async def verify(self, key: str, *others: Any) -> bool:
        self._asked.put_nowait(key)
        return await super().verify(key, *others)

    async def asked(self, count: int) -> None:
        """Wait until so many more verifications were asked for."""
        for _ in range(count):
            await asyncio.wait_for(self._asked.get(), 10)

    async def begun(self) -> str:
        """Return the key of the next verification, once it has begun."""
        return await asyncio.wait_for(self._begun.get(), 10)

    async def none_begins(self) -> None:
        """Let everything go on that can; no verification begins."""
        for _ in range(20):
            await asyncio.sleep(0)
        assert self._begun.empty()

    def finish(self, count: int = 1) -> None:
        self._go_on.release(count)


def unused(key: str, key_hash: str) -> bool:
    raise AssertionError(f"{key} is verified with {key_hash}")


@pytest.fixture
def accounts() -> list[Account]:
    return [Account() for _ in range(3)]


@pytest.fixture
async def registrations(
    tmp_path: Path, accounts: list[Account]
) -> AsyncIterator[OpenRegistrations]:
    config = write_config(tmp_path)
    await take_over(config, write_sqlite(tmp_path / "acme-dns.db", accounts))
    async with registrations_of(config) as opened:
        yield opened


async def refused(work: asyncio.Task[object]) -> str:
    with pytest.raises(RegistrationError) as error:
        await work
    return error.value.code


# --- with bcrypt -------------------------------------------------------------------------------


async def test_after_its_first_use_a_key_needs_no_bcrypt(
    registrations: OpenRegistrations, accounts: list[Account]
) -> None:
    account = accounts[0]
    found = await registrations.authenticate(caller(account))
    assert len(found.key_hash) == 64
    registrations = registrations.with_settings(legacy_keys=LegacyKeys(unused))
    await registrations.update(caller(account), account.subdomain, txt("a"))
    with pytest.raises(RegistrationError):
        await registrations.authenticate(caller(account, key=WRONG))


async def test_a_wrong_key_is_refused_and_the_right_one_still_works(
    registrations: OpenRegistrations, accounts: list[Account]
) -> None:
    account = accounts[0]
    for work in (registrations.update, registrations.remove):
        with pytest.raises(RegistrationError) as error:
            await work(caller(account, key=WRONG), account.subdomain, txt("a"))
        assert error.value.code == "forbidden"
    await registrations.update(caller(account), account.subdomain, txt("a"))


async def test_the_first_use_at_once_for_apex_and_wildcard_publishes_both(
    registrations: OpenRegistrations, accounts: list[Account]
) -> None:
    account = accounts[0]
    await asyncio.gather(
        *(registrations.update(caller(account), account.subdomain, txt(each)) for each in "abc")
    )
    live = await registrations.values(account.subdomain)
    assert sorted(value for value, _ in live) == [txt("a"), txt("b"), txt("c")]


async def test_a_hash_that_bcrypt_itself_refuses_lets_nobody_in(tmp_path: Path) -> None:
    account = Account(password=b"$2a$10$" + b"a" * 53)
    config = write_config(tmp_path)
    await take_over(config, write_sqlite(tmp_path / "acme-dns.db", [account]))
    async with registrations_of(config) as registrations:
        with pytest.raises(RegistrationError) as error:
            await registrations.authenticate(caller(account))
    assert error.value.code == "forbidden"


async def test_without_bcrypt_the_operator_learns_what_to_install(
    registrations: OpenRegistrations, accounts: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(StorageError, match=r"pip install '\.\[legacy\]'"):
        await registrations.authenticate(caller(accounts[0]))


# --- what it costs the others ------------------------------------------------------------------


async def test_while_a_key_is_verified_everything_else_goes_on(
    registrations: OpenRegistrations, accounts: list[Account]
) -> None:
    bcrypt = Bcrypt()
    registrations = registrations.with_settings(legacy_keys=bcrypt)
    first = asyncio.create_task(registrations.authenticate(caller(accounts[0])))
    await bcrypt.begun()
    made = await registrations.register()
    await registrations.publish(made.subdomain, txt("a"))
    await registrations.publish(accounts[0].subdomain, txt("b"))
    assert len(await registrations.page()) == 4
    bcrypt.finish()
    await first


async def test_one_key_is_verified_at_a_time(
    registrations: OpenRegistrations, accounts: list[Account]
) -> None:
    bcrypt = Bcrypt()
    registrations = registrations.with_settings(legacy_keys=bcrypt)
    addresses = ("192.0.2.1", "192.0.2.2", ELSEWHERE)
    tasks = [
        asyncio.create_task(registrations.authenticate(caller(account, address=address)))
        for account, address in zip(accounts, addresses, strict=True)
    ]
    await bcrypt.asked(len(tasks))
    for _ in tasks:
        await bcrypt.begun()
        await bcrypt.none_begins()
        bcrypt.finish()
    await asyncio.gather(*tasks)


async def test_who_has_many_keys_verified_does_not_keep_another_address_waiting(
    registrations: OpenRegistrations, accounts: list[Account]
) -> None:
    bcrypt = Bcrypt()
    registrations = registrations.with_settings(legacy_keys=bcrypt)
    flood = [
        asyncio.create_task(registrations.authenticate(caller(accounts[index % 2], key=WRONG)))
        for index in range(10)
    ]
    await bcrypt.asked(len(flood))
    await bcrypt.begun()
    one = asyncio.create_task(registrations.authenticate(caller(accounts[2], address=ELSEWHERE)))
    await bcrypt.asked(1)
    await bcrypt.none_begins()
    bcrypt.finish()
    assert await bcrypt.begun() == accounts[2].key
    bcrypt.finish(len(flood))
    await one
    for task in flood:
        assert await refused(task) == "forbidden"


async def test_ten_tries_a_minute_are_all_that_an_address_has_for_a_registration(
    registrations: OpenRegistrations, accounts: list[Account]
) -> None:
    wrong = caller(accounts[0], key=WRONG, address="2001:db8::1")
    codes = []
    for _ in range(12):
        with pytest.raises(RegistrationError) as error:
            await registrations.authenticate(wrong)
        codes.append(error.value.code)
    assert codes == ["forbidden"] * 10 + ["rate_limited"] * 2
    with pytest.raises(RegistrationError, match="tried too many"):
        await registrations.authenticate(caller(accounts[0], address="2001:db8::2"))
    await registrations.authenticate(caller(accounts[0], address="2001:db8:0:1::1"))
    await registrations.authenticate(caller(accounts[1], address="2001:db8::1"))


async def test_tries_count_on_when_the_configuration_is_reread(
    registrations: OpenRegistrations, accounts: list[Account]
) -> None:
    wrong = caller(accounts[0], key=WRONG)
    for _ in range(10):
        with pytest.raises(RegistrationError, match="wrong API key"):
            await registrations.authenticate(wrong)
    changed = registrations.with_settings(zone=DomainName("other.example"), value_lifetime=60)
    assert changed.fulldomain("x") == "x.other.example"
    with pytest.raises(RegistrationError, match="tried too many"):
        await changed.authenticate(wrong)


async def test_who_waits_too_long_is_told_to_come_back(
    registrations: OpenRegistrations, accounts: list[Account]
) -> None:
    bcrypt = Bcrypt(wait_seconds=0.1)
    registrations = registrations.with_settings(legacy_keys=bcrypt)
    first = asyncio.create_task(registrations.authenticate(caller(accounts[0])))
    await bcrypt.begun()
    for address in ("192.0.2.1", ELSEWHERE):
        with pytest.raises(RegistrationError) as error:
            await registrations.authenticate(caller(accounts[1], address=address))
        assert error.value.code == "rate_limited"
    bcrypt.finish(2)
    await first
    await registrations.authenticate(caller(accounts[1]))


@pytest.mark.parametrize("change", ["disable", "allowfrom", "user"])
async def test_no_time_is_spent_on_a_key_that_would_not_help(
    registrations: OpenRegistrations,
    accounts: list[Account],
    change: str,
) -> None:
    account = accounts[0]
    registrations = registrations.with_settings(legacy_keys=LegacyKeys(unused))
    asking = caller(account)
    if change == "disable":
        await registrations.set_disabled(account.subdomain, disabled=True)
    elif change == "allowfrom":
        await registrations.set_allowfrom(account.subdomain, ["198.51.100.0/24"])
    else:
        asking = caller(Account())
    with pytest.raises(RegistrationError) as error:
        await registrations.authenticate(asking)
    assert error.value.code == "forbidden"


@pytest.mark.parametrize("change", ["rotate", "delete", "disable"])
async def test_what_changes_during_the_verification_counts(
    registrations: OpenRegistrations,
    accounts: list[Account],
    change: str,
) -> None:
    account = accounts[0]
    bcrypt = Bcrypt()
    registrations = registrations.with_settings(legacy_keys=bcrypt)
    asking = asyncio.create_task(registrations.update(caller(account), account.subdomain, txt("a")))
    await bcrypt.begun()
    new_key = ""
    if change == "rotate":
        new_key = await registrations.rotate(account.subdomain)
    elif change == "delete":
        await registrations.delete(account.subdomain)
    else:
        await registrations.set_disabled(account.subdomain, disabled=True)
    bcrypt.finish()
    assert await refused(asking) == "forbidden"
    if new_key:
        await registrations.authenticate(caller(account, key=new_key))


# --- over HTTP ---------------------------------------------------------------------------------


async def test_the_api_says_401_to_wrong_keys_and_429_to_too_many(tmp_path: Path) -> None:
    account = Account()
    config = write_config(tmp_path)
    await take_over(config, write_sqlite(tmp_path / "acme-dns.db", [account]))
    wrong = client(account)._replace(password=WRONG)
    with Service(config) as service:
        replies = [update(service.url, wrong, txt("a")) for _ in range(11)]
        assert [reply.status for reply in replies] == [401] * 10 + [429]
        assert replies[0].json == {"error": "forbidden"}
        assert replies[-1].json == {"error": "rate_limited"}
        assert int(replies[-1].headers["Retry-After"]) > 0
        assert request(service.url, "GET", "/health").status == 200


# --- whatever stands in a table ----------------------------------------------------------------

cells = st.one_of(
    st.text(), st.binary(), st.integers(), st.none(), st.floats(), st.uuids().map(str)
)
bcrypt_like = st.from_regex(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}", fullmatch=True)


def result(read: Callable[[Row, int], T], row: Row, now: int) -> T | UnusableRowError:
    try:
        return read(row, now)
    except UnusableRowError as error:
        return error


@given(st.tuples(cells, cells | bcrypt_like, cells, cells | st.just("[]")), st.integers(1, 2**40))
def test_any_account_is_a_registration_or_has_a_reason(row: Row, now: int) -> None:
    registration = result(read_account, row, now)
    if isinstance(registration, UnusableRowError):
        assert registration.subdomain.isprintable()
        assert str(registration)
        return
    assert is_bcrypt(registration.key_hash)
    assert registration.created_at == now
    assert (registration.username, registration.subdomain) == (row[0], row[2])


values = cells | st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True)


@given(st.tuples(cells, values, cells), st.integers(1, 2**40))
def test_any_value_is_one_or_empty_or_has_a_reason(row: Row, now: int) -> None:
    value = result(read_value, row, now)
    if isinstance(value, UnusableRowError):
        assert value.subdomain.isprintable()
    else:
        assert value is None or (len(value.txt) == 43 and 0 < value.published <= now)
