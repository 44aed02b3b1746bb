"""RFC 2136 updates on real servers: the whole contract on Knot and on BIND, keys, CNAMEs, TTLs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from types import SimpleNamespace

import dns.asyncquery
import dns.message
import dns.rdatatype
import dns.renderer
import dns.tsig
import dns.update
import pytest

from tests.providers.contract_suite import WholeContract
from tests.providers.dns_servers import (
    ALGORITHM_KEYS,
    MAIN,
    OPEN,
    BindServer,
    KnotServer,
    NameServer,
    TsigKey,
)
from tests.providers.harness import challenge_value, check_message, txt
from tests.providers.rfc2136_harness import Rfc2136Harness, zone
from zoneproof.core.errors import ProviderCredentialsError, ProviderError
from zoneproof.providers import Provider, TxtRecord


@pytest.fixture(scope="module", params=[KnotServer, BindServer])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NameServer]:
    with request.param(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def harness(server: NameServer) -> Rfc2136Harness:
    return Rfc2136Harness(server)


class TestContract(WholeContract):
    """Over TCP, which is the default."""


class TestContractOverUdp(WholeContract):
    @pytest.fixture
    def harness(self, server: NameServer) -> Rfc2136Harness:
        class OverUdp(Rfc2136Harness):
            def make(self, **changed: str) -> Provider:
                return super().make(transport="udp", **changed)

        return OverUdp(server)


@pytest.mark.parametrize("key", ALGORITHM_KEYS, ids=lambda key: key.algorithm)
async def test_every_algorithm_is_accepted(harness: Rfc2136Harness, key: TsigKey) -> None:
    name, value = await harness.new_name(), challenge_value()
    provider = harness.make(key_name=key.name, secret=key.secret, algorithm=key.algorithm)
    await provider.add(harness.zone, [txt(name, value)])
    assert await harness.values(harness.zone, name) == [value]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_updates_without_a_key_where_the_server_allows_them(
    harness: Rfc2136Harness, transport: str
) -> None:
    name, value = await harness.new_name(), challenge_value()
    provider = harness.make(key_name="", secret="", transport=transport)
    await provider.add(zone(OPEN), [txt(name, value)])
    assert await harness.values(zone(OPEN), name) == [value]


async def test_the_server_may_be_given_by_name(harness: Rfc2136Harness) -> None:
    name, value = await harness.new_name(), challenge_value()
    await harness.make(server="localhost").add(harness.zone, [txt(name, value)])
    assert await harness.values(harness.zone, name) == [value]


async def test_the_ttl_is_set(harness: Rfc2136Harness) -> None:
    name = await harness.new_name()
    await harness.open().add(harness.zone, [TxtRecord(name, challenge_value(), 37)])
    assert await harness.server.ttl(harness.zone.record(name).fqdn) == 37


async def test_a_cname_at_the_name_is_an_error_and_stays(harness: Rfc2136Harness) -> None:
    with pytest.raises(ProviderError, match="CNAME") as caught:
        await harness.open().add(harness.zone, [txt("alias", challenge_value())])
    check_message(caught.value, harness.hidden)
    reply = await harness.server.ask(f"alias.{MAIN}.", "CNAME")
    assert reply.answer[0].rdtype == dns.rdatatype.CNAME


async def test_of_a_batch_the_error_names_the_name_that_was_refused(
    harness: Rfc2136Harness,
) -> None:
    good = [txt(await harness.new_name(), challenge_value()) for _ in range(3)]
    with pytest.raises(ProviderError, match=r"name alias\.example\.com: .*CNAME"):
        await harness.open().add(harness.zone, [*good, txt("alias", challenge_value())])
    for record in good:
        assert await harness.values(harness.zone, record.name) == [record.value]


async def test_a_clock_that_is_wrong_is_told_as_such(
    harness: Rfc2136Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_hour_ago = SimpleNamespace(time=lambda: time.time() - 3600)
    monkeypatch.setattr(dns.renderer, "time", an_hour_ago)
    monkeypatch.setattr(dns.message, "time", an_hour_ago)
    with pytest.raises(ProviderCredentialsError, match="BADTIME") as caught:
        await harness.open().add(harness.zone, [txt("late", challenge_value())])
    check_message(caught.value, harness.hidden)


async def test_a_hundred_names_at_once(harness: Rfc2136Harness) -> None:
    values = [challenge_value() for _ in range(100)]
    provider = harness.open()
    base = await harness.new_name()
    await asyncio.gather(
        *(
            provider.add(harness.zone, [txt(f"{base}.n{number}", value)])
            for number, value in enumerate(values)
        )
    )
    for number, value in enumerate(values):
        assert await harness.values(harness.zone, f"{base}.n{number}") == [value]
