"""Knot and BIND with several keys and zones, and direct questions to them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT

from tests.support.peers import bind, knot
from tests.support.peers.bind import Named
from tests.support.peers.knot import Knotd
from zoneproof.testing.background import BackgroundServer

ALGORITHMS = ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"]


@dataclass(frozen=True)
class TsigKey:
    """A key and the zones that it may update."""

    name: str
    algorithm: str
    zones: tuple[str, ...]

    @property
    def secret(self) -> str:
        """The secret in base64, made from the name."""
        return base64.b64encode(hashlib.sha512(self.name.encode()).digest()[:32]).decode()


MAIN, LOOK_ALIKE, OTHER, OPEN = "example.com", "sub.example.com", "example.org", "open.example"
MAIN_KEY = TsigKey("main-key", "hmac-sha256", (MAIN, LOOK_ALIKE))
OTHER_KEY = TsigKey("other-key", "hmac-sha512", (OTHER,))
ALGORITHM_KEYS = [TsigKey(f"key-{name}", name, (MAIN,)) for name in ALGORITHMS]
KEYS = [MAIN_KEY, OTHER_KEY, *ALGORITHM_KEYS]
ZONES = [MAIN, LOOK_ALIKE, OTHER, OPEN]  # OPEN takes updates without a key


def _zone_text(zone: str) -> str:
    return (
        f"$ORIGIN {zone}.\n$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\n"
        "ns1 A 127.0.0.1\nalias CNAME ns1\n"
    )


class NameServer(BackgroundServer):
    """An authoritative server for ZONES that takes the updates which KEYS allow."""

    address = "127.0.0.1"
    port: int

    async def ask(self, name: str, record_type: str) -> dns.message.Message:
        """Ask the server itself, over TCP."""
        question = dns.message.make_query(name, record_type, flags=0)
        return await dns.asyncquery.tcp(question, self.address, port=self.port, timeout=5)

    async def values(self, name: str) -> list[str]:
        """Return the TXT values at a full name, each joined from its strings."""
        reply = await self.ask(name, "TXT")
        return [
            b"".join(record.strings).decode()
            for rrset in reply.answer
            for record in rrset
            if isinstance(record, TXT)
        ]

    async def ttl(self, name: str) -> int:
        """Return the TTL of the TXT records at a full name."""
        return int((await self.ask(name, "TXT")).answer[0].ttl)


class KnotServer(Knotd, NameServer):
    """A knotd."""

    def __init__(self, folder: Path) -> None:
        keys = knot.key_section((key.name, key.algorithm, key.secret) for key in KEYS)
        acl = "acl:\n" + "".join(
            f"  - id: acl-{zone}\n    action: update\n"
            + (f"    key: [{', '.join(names)}]\n" if (names := _updaters(zone)) else "")
            for zone in ZONES
        )
        zones = knot.primary_zones(folder, _zone_texts(), {zone: f"acl-{zone}" for zone in ZONES})
        super().__init__("Knot", folder, keys + acl + zones)


class BindServer(Named, NameServer):
    """A named."""

    def __init__(self, folder: Path) -> None:
        keys = "".join(bind.key_statement(key.name, key.algorithm, key.secret) for key in KEYS)
        updaters = {
            zone: "".join(f"key {name}; " for name in _updaters(zone)) or "any;" for zone in ZONES
        }
        super().__init__(folder, keys + bind.primary_zones(folder, _zone_texts(), updaters))


def _updaters(zone: str) -> list[str]:
    return [key.name for key in KEYS if zone in key.zones]


def _zone_texts() -> dict[str, str]:
    return {zone: _zone_text(zone) for zone in ZONES}
