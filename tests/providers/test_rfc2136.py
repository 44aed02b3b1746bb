"""RFC 2136 updates on real servers: the whole contract on Knot and on BIND, keys, CNAMEs, TTLs."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import ClassVar

import dns.asyncquery
import dns.message
import dns.rdatatype
import dns.renderer
import dns.tsig
import dns.update
import pytest

from tests.providers.contract_suite import (
    TTL,
    Failure,
    HarnessWithRefusal,
    HarnessWithSecond,
    HarnessWithTrouble,
    HarnessWithTypes,
    HarnessWithZones,
    WholeContract,
    challenge_value,
    check_message,
    no_sleep,
    txt,
)
from tests.providers.dns_servers import (
    ALGORITHM_KEYS,
    LOOK_ALIKE,
    MAIN,
    MAIN_KEY,
    OPEN,
    OTHER,
    OTHER_KEY,
    BindServer,
    KnotServer,
    NameServer,
    TsigKey,
)
from zoneproof.core.errors import (
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import Provider, ProviderContext, TxtRecord, Zone, open_provider


def zone(name: str) -> Zone:
    return Zone(DomainName.parse(name))


class Rfc2136Harness(
    HarnessWithTypes,
    HarnessWithZones,
    HarnessWithTrouble,
    HarnessWithSecond,
    HarnessWithRefusal,
):
    """The provider on a real server, which is also asked directly."""

    kinds: ClassVar = frozenset(
        {ProviderCredentialsError, ProviderPermissionError, ProviderZoneError}
    )  # the protocol has no quota

    def __init__(self, server: NameServer, key: TsigKey = MAIN_KEY) -> None:
        super().__init__()
        self.server = server
        self.key = key
        self.zone = zone(key.zones[0])
        self.look_alike = zone(LOOK_ALIKE)
        self.hidden = [key.secret]

    def make(self, **changed: str) -> Provider:
        fields = {
            "server": self.server.address,
            "port": str(self.server.port),
            "key_name": self.key.name,
            "secret": self.key.secret,
            "algorithm": self.key.algorithm,
        }
        return open_provider("rfc2136", ProviderContext(fields | changed))

    async def values(self, zone: Zone, name: str) -> list[str]:
        return await self.server.values(zone.record(name).fqdn)

    async def has_records(self, name: str) -> bool:
        reply = await self.server.ask(self.zone.record(name).fqdn, "TXT")
        return reply.rcode() != dns.rcode.NXDOMAIN

    async def _update(self, update: dns.update.UpdateMessage) -> None:
        reply = await dns.asyncquery.tcp(
            update, self.server.address, port=self.server.port, timeout=5
        )
        assert reply.rcode() == dns.rcode.NOERROR

    async def plant_value(self, name: str, value: str) -> None:
        update = dns.update.UpdateMessage(self.zone.name.fqdn, keyring=self._peer_key())
        update.add(self.zone.record(name).fqdn, TTL, "TXT", f'"{value}"')
        await self._update(update)

    async def plant_address(self, name: str) -> None:
        update = dns.update.UpdateMessage(self.zone.name.fqdn, keyring=self._peer_key())
        update.add(self.zone.record(name).fqdn, TTL, "A", "192.0.2.1")
        await self._update(update)

    def _peer_key(self) -> dns.tsig.Key:
        return dns.tsig.Key(self.key.name, self.key.secret, self.key.algorithm)

    async def addresses(self, name: str) -> list[str]:
        reply = await self.server.ask(self.zone.record(name).fqdn, "A")
        return [str(record) for rrset in reply.answer for record in rrset]

    async def refused_record(self) -> TxtRecord:
        return txt("alias", challenge_value())

    def failures(self) -> Iterable[Failure]:
        def attempt(kind: type[ProviderError], on: str, word: str, **changed: str) -> Failure:
            provider = self.make(**changed)
            return Failure(
                kind,
                lambda: provider.add(zone(on), [txt("_acme-challenge", challenge_value())]),
                ("rfc2136", self.server.address, on, word),
            )

        yield attempt(ProviderCredentialsError, MAIN, "BADKEY", key_name="nobodys-key")
        yield attempt(ProviderCredentialsError, MAIN, "BADSIG", secret="d3Jvbmc=")
        if isinstance(self.server, KnotServer):  # for Knot a key without the right is not a key
            yield attempt(ProviderCredentialsError, OTHER, "or the key may not update")
        else:
            yield attempt(ProviderPermissionError, OTHER, "REFUSED")
        unsigned = "NOTAUTH" if isinstance(self.server, KnotServer) else "REFUSED"
        yield attempt(ProviderPermissionError, MAIN, unsigned, key_name="", secret="")
        yield attempt(ProviderZoneError, "nowhere.test", "NOTAUTH")

    async def against_silence(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            fields = {
                "server": "127.0.0.1",
                "port": str(silent.getsockname()[1]),
                "key_name": self.key.name,
                "secret": self.key.secret,
            }
            context = ProviderContext(fields, timeout=0.3, sleep=no_sleep)
            provider = open_provider("rfc2136", context)
            await provider.add(self.zone, [txt("_acme-challenge", challenge_value())])

    def second(self) -> Rfc2136Harness:
        return Rfc2136Harness(self.server, OTHER_KEY)


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
