"""A harness for RFC 2136 updates on a real server."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import ClassVar

import dns.asyncquery
import dns.message
import dns.rdatatype
import dns.renderer
import dns.tsig
import dns.update

from tests.providers.dns_servers import (
    LOOK_ALIKE,
    MAIN,
    MAIN_KEY,
    OTHER,
    OTHER_KEY,
    KnotServer,
    NameServer,
    TsigKey,
)
from tests.providers.harness import (
    TTL,
    Failure,
    HarnessWithRefusal,
    HarnessWithSecond,
    HarnessWithTrouble,
    HarnessWithTypes,
    HarnessWithZones,
    challenge_value,
    no_sleep,
    txt,
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
