"""The acme-dns provider against a fake of its API: the contract, registering, keys and failures."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from tests.providers.acme_dns_harness import (
    DOMAIN,
    KEY,
    WEB_PAGE,
    WILDCARD,
    AcmeDnsHarness,
    harness,
    harness_with,
    open_acme_dns,
)
from tests.providers.contract_suite import (
    ChangesNothingTwice,
    FailsInTheMiddle,
    FailsWell,
    IsSureOfRefusals,
    KeepsItsDeadline,
    KeepsOtherValues,
    SharesNothing,
    TakesBatches,
    TakesManyAtOnce,
)
from tests.providers.harness import challenge_value, check_message, txt
from tests.support.fake_acme_dns import FakeAcmeDns
from tests.support.fake_http import Reply, fake_http_server
from tests.support.registrations import MemoryRegistrations
from zoneproof.core.errors import (
    ProviderCredentialsError,
    ProviderError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import DelegatedProvider, Zone
from zoneproof.providers.acme_dns import AcmeDns

__all__ = ["harness"]  # a fixture


class TestContractOnAcmeDns(KeepsItsDeadline, FailsWell, SharesNothing):
    """acme-dns keeps two values, cannot forget one, takes 43 characters and has TXT only."""


class TestContractOnServiceThatForgets(
    KeepsOtherValues,
    ChangesNothingTwice,
    TakesBatches,
    FailsInTheMiddle,
    IsSureOfRefusals,
    TakesManyAtOnce,
    KeepsItsDeadline,
    FailsWell,
    SharesNothing,
):
    """The clauses on other types, other zones and any text do not apply: see above."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[AcmeDnsHarness]:
        async for made in harness_with(forgets=True):
            yield made


class OpenAt(Protocol):
    def __call__(self, server: str, store: MemoryRegistrations | None, **changed: str) -> AcmeDns:
        """Open the provider until the test ends."""


@pytest.fixture
async def open_at() -> AsyncIterator[OpenAt]:
    opened = []

    def open_it(server: str, store: MemoryRegistrations | None, **changed: str) -> AcmeDns:
        opened.append(open_acme_dns(server, store, deadline=30.0, **changed))
        return opened[-1]

    yield open_it
    for provider in opened:
        await provider.close()


async def test_two_values_of_apex_and_wildcard_stand_side_by_side(harness: AcmeDnsHarness) -> None:
    provider = harness.open()
    assert isinstance(provider, DelegatedProvider)
    apex = await provider.target(DOMAIN, create=True)
    assert apex is not None
    assert await provider.target(WILDCARD, create=True) == apex
    name, values = apex.relative_to(harness.zone.name), [challenge_value(), challenge_value()]
    await asyncio.gather(*(provider.add(harness.zone, [txt(name, v)]) for v in values))
    assert sorted(await harness.values(harness.zone, name)) == sorted(values)


async def test_of_a_batch_only_what_had_no_answer_is_not_known(harness: AcmeDnsHarness) -> None:
    records = [txt(await harness.new_name(), challenge_value()) for _ in range(3)]
    provider = harness.open()
    await provider.max_values(harness.zone, records[0].name)
    harness.server.faults.extend([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
    with pytest.raises(ProviderUnavailableError) as caught:
        await provider.add(harness.zone, records)
    assert not caught.value.changed_nothing
    outcomes = [caught.value.of(record) for record in records]
    (unknown,) = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(unknown, ProviderUnavailableError)
    assert not unknown.changed_nothing
    for record, outcome in zip(records, outcomes, strict=True):
        if outcome is None:
            assert await harness.values(harness.zone, record.name) == [record.value]


async def test_a_domain_is_registered_once_however_many_ask(harness: AcmeDnsHarness) -> None:
    provider = harness.open()
    targets = await asyncio.gather(
        *(provider.target(name, create=True) for name in [DOMAIN, WILDCARD] * 25)
    )
    assert len(set(targets)) == 1
    assert len(harness.api.accounts) == 1


async def test_two_providers_that_register_at_once_use_the_one_that_is_kept(
    harness: AcmeDnsHarness,
) -> None:
    targets = await asyncio.gather(*(harness.open().target(DOMAIN, create=True) for _ in range(5)))
    assert len(set(targets)) == 1


async def test_without_create_nothing_is_registered(harness: AcmeDnsHarness) -> None:
    assert await harness.open().target(DOMAIN, create=False) is None
    assert not harness.server.requests


@pytest.mark.parametrize("depth", [0, 1, 2])
async def test_a_new_process_changes_values_however_the_name_is_cut(
    harness: AcmeDnsHarness, depth: int
) -> None:
    target = await harness.open().target(DOMAIN, create=True)
    assert target is not None
    zone = Zone(DomainName(".".join(target.labels[depth:])))
    name, value = ".".join(target.labels[:depth]), challenge_value()
    await harness.open().add(zone, [txt(name, value)])
    assert await harness.values(harness.zone, target.labels[0]) == [value]
    await harness.open().remove(zone, [txt(name, value)])


async def test_a_name_without_registration_is_told(harness: AcmeDnsHarness) -> None:
    with pytest.raises(ProviderZoneError, match="no registration") as caught:
        await harness.open().add(Zone(DOMAIN), [txt("_acme-challenge", challenge_value())])
    check_message(caught.value, harness.hidden)


async def test_a_registration_at_another_server_is_not_used(
    harness: AcmeDnsHarness, open_at: OpenAt
) -> None:
    name = await harness.new_name()
    elsewhere = open_at("http://127.0.0.2:1", harness.store)
    with pytest.raises(ProviderZoneError):
        await elsewhere.add(harness.zone, [txt(name, challenge_value())])


async def test_removing_from_acme_dns_succeeds_and_leaves_the_value(
    harness: AcmeDnsHarness,
) -> None:
    name, value = await harness.new_name(), challenge_value()
    await harness.open().add(harness.zone, [txt(name, value)])
    await harness.open().remove(harness.zone, [txt(name, value)])
    assert await harness.values(harness.zone, name) == [value]
    assert harness.server.requests[-1].method == "DELETE"


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_service_that_cannot_remove_is_let_be(harness: AcmeDnsHarness, status: int) -> None:
    name = await harness.new_name()
    with harness.server.failing(Reply(status, WEB_PAGE.body)):
        await harness.open().remove(harness.zone, [txt(name, challenge_value())])


@pytest.mark.parametrize(
    "fault", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", None], ids=["cut off", "silence"]
)
async def test_an_update_that_may_have_been_done_is_not_sent_again(
    harness: AcmeDnsHarness, fault: bytes | None
) -> None:
    name = await harness.new_name()
    before = len(harness.server.requests)
    provider = harness.open(deadline=0.3 if fault is None else 30.0)
    with (
        harness.server.failing(fault),
        pytest.raises(ProviderUnavailableError, match="not known") as caught,
    ):
        await provider.add(harness.zone, [txt(name, challenge_value())])
    check_message(caught.value, harness.hidden)
    assert len(harness.server.requests) - before <= 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_update_that_was_not_done_is_sent_again(
    harness: AcmeDnsHarness, status: int
) -> None:
    name, value = await harness.new_name(), challenge_value()
    harness.server.faults.extend([Reply(status, b"", {"Retry-After": "2"})] * 3)
    await harness.open().add(harness.zone, [txt(name, value)])
    assert await harness.values(harness.zone, name) == [value]


async def test_a_removal_is_sent_again_whatever_happened(harness: AcmeDnsHarness) -> None:
    name = await harness.new_name()
    harness.server.faults.extend([b"", Reply(502), b"HTTP/1.1 nonsense\r\n\r\n"])
    await harness.open().remove(harness.zone, [txt(name, challenge_value())])
    assert not harness.server.faults


@pytest.mark.parametrize(
    ("fulldomain", "word"),
    [
        ("no name", "name"),
        ("*.example.org", "cannot be used"),
        ("org", "cannot be used"),
        ("a..b", "name"),
        ("x" * 5000, "name"),
        ("", "name"),
    ],
    ids=lambda text: text[:10],
)
async def test_a_name_that_the_service_makes_up_is_checked(
    harness: AcmeDnsHarness, fulldomain: str, word: str
) -> None:
    made = {"username": "u", "password": "p", "subdomain": "s", "fulldomain": fulldomain}
    with (
        harness.server.failing(Reply(201, made)),
        pytest.raises(ProviderError, match=word) as caught,
    ):
        await harness.open().target(DOMAIN, create=True)
    check_message(caught.value, harness.hidden)
    assert not harness.store.kept


@pytest.mark.parametrize("password", ["line\r\nbreak", "", "ключ", "x" * 300])
async def test_a_key_that_no_header_can_carry_is_refused(
    harness: AcmeDnsHarness, password: str
) -> None:
    made = {"username": "u", "subdomain": "s", "fulldomain": "s.example.org", "password": password}
    with (
        harness.server.failing(Reply(201, made)),
        pytest.raises(ProviderError, match="key") as caught,
    ):
        await harness.open().target(DOMAIN, create=True)
    check_message(caught.value, [KEY, *([password] if len(password) > 5 else [])])


REGISTERED = {"username": "u", "password": "p", "subdomain": "s", "fulldomain": "s.example.org"}


@pytest.mark.parametrize(
    "made",
    [
        None,
        [],
        "registered",
        [REGISTERED],
        {**REGISTERED, "username": 5},
        {**REGISTERED, "password": None},
        {**REGISTERED, "fulldomain": ["s.example.org"]},
        {**REGISTERED, "fulldomain": "s.example.org\nforged"},
        {**REGISTERED, "fulldomain": "\x1b[31m\u202e.example.org"},
        {**REGISTERED, "subdomain": "s\r\nX-Api-User: other"},
        b'{"username":' + b"[" * 200_000,
        b"\xff\xfe",
    ],
    ids=range(12),
)
async def test_a_registration_of_another_form_is_refused_in_one_line(
    harness: AcmeDnsHarness, made: object
) -> None:
    with harness.server.failing(Reply(201, made)), pytest.raises(ProviderError) as caught:
        await harness.open().target(DOMAIN, create=True)
    check_message(caught.value, harness.hidden)
    assert caught.value.message.isprintable()
    assert not harness.store.kept


async def test_allowfrom_is_sent_when_registering(open_at: OpenAt) -> None:
    api = FakeAcmeDns()
    async with fake_http_server(api) as server:
        provider = open_at(server.url, MemoryRegistrations(), allowfrom="192.0.2.1; 2001:db8::/32")
        await provider.target(DOMAIN, create=True)
    (account,) = api.accounts.values()
    assert account.allowfrom == ["192.0.2.1/32", "2001:db8::/32"]


async def test_a_key_in_the_path_travels_there_and_is_never_shown(open_at: OpenAt) -> None:
    api = FakeAcmeDns(prefix=f"/dns/k/{KEY}")
    async with fake_http_server(api) as server:
        store = MemoryRegistrations()
        provider = open_at(f"{server.url}/dns/k/{KEY}/", store)
        target = await provider.target(DOMAIN, create=True)
        assert target is not None
        await provider.add(Zone(target), [txt("", challenge_value())])
        # The registration is found again with another key, or with none.
        for url in (f"{server.url}/dns/k/newer-key", f"{server.url}/dns"):
            assert await open_at(url, store).target(DOMAIN, create=False) == target
        moved = Reply(307, b"", {"Location": f"/dns/k/{KEY}/register/"})
        with server.failing(moved), pytest.raises(ProviderError) as caught:
            await provider.target(DomainName.parse("example.net"), create=True)
    check_message(caught.value, [KEY])
    assert f"{server.url}/dns/k/***" in caught.value.message


async def test_no_log_shows_a_key(open_at: OpenAt, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    async with fake_http_server(FakeAcmeDns(prefix=f"/k/{KEY}", login=("me", KEY))) as server:
        store = MemoryRegistrations()
        url = server.url.replace("://", f"://me:{KEY}@")
        provider = open_at(f"{url}/k/{KEY}", store)
        target = await provider.target(DOMAIN, create=True)
        assert target is not None
        await provider.add(Zone(target), [txt("", challenge_value())])
        await provider.remove(Zone(target), [txt("", challenge_value())])
    (registration,) = store.kept.values()
    assert caplog.text
    for secret in (KEY, registration.password, base64.b64encode(f"me:{KEY}".encode()).decode()):
        assert secret not in caplog.text


async def test_without_a_key_the_advice_is_to_give_one(open_at: OpenAt) -> None:
    async with fake_http_server(FakeAcmeDns(login=("me", KEY))) as server:
        with pytest.raises(ProviderCredentialsError, match="put the key"):
            await open_at(server.url, MemoryRegistrations()).target(DOMAIN, create=True)


async def test_without_a_store_nothing_is_registered(open_at: OpenAt) -> None:
    async with fake_http_server(FakeAcmeDns()) as server:
        with pytest.raises(ProviderError, match="no store"):
            await open_at(server.url, None).target(DOMAIN, create=True)
        assert not server.requests


async def test_a_closed_port_and_an_unknown_host_are_told(open_at: OpenAt) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for server, word in [
            (f"http://me:{KEY}@127.0.0.1:{port}", "refused"),
            (f"http://me:{KEY}@nowhere.invalid", "host name"),
        ]:
            with pytest.raises(ProviderUnavailableError, match=word) as caught:
                await open_at(server, MemoryRegistrations()).target(DOMAIN, create=True)
            check_message(caught.value, [KEY])
