"""Knot and BIND with several keys and zones, and direct questions to them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT

from tests.peers import dns_tool, dns_tool_environment
from zoneproof.cli.demo.background import BackgroundServer, free_port

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


def _write_zones(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for zone in ZONES:
        (folder / f"{zone}.zone").write_text(_zone_text(zone))


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


class KnotServer(NameServer):
    """A knotd."""

    def __init__(self, folder: Path) -> None:
        _write_zones(folder)
        self.port = free_port()
        keys = "".join(
            f"  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {key.secret}\n"
            for key in KEYS
        )
        rules: Mapping[str, list[TsigKey]] = {
            zone: [key for key in KEYS if zone in key.zones] for zone in ZONES
        }
        acl = "".join(
            f"  - id: acl-{zone}\n    action: update\n"
            + (f"    key: [{', '.join(key.name for key in keys)}]\n" if keys else "")
            for zone, keys in rules.items()
        )
        zones = "".join(f"  - domain: {zone}\n    acl: acl-{zone}\n" for zone in ZONES)
        (folder / "knot.conf").write_text(
            f"""
server:
    rundir: "{folder}"
    listen: {self.address}@{self.port}
    tcp-workers: 1
    udp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{folder}"
key:
{keys}
acl:
{acl}
template:
  - id: default
    storage: "{folder}"
    file: "%s.zone"
    journal-content: changes
    zonefile-sync: -1
    zonefile-load: difference
zone:
{zones}
"""
        )
        super().__init__(
            "Knot",
            [dns_tool("knotd"), "-c", str(folder / "knot.conf"), "-v"],
            "server started",
            environment=dns_tool_environment(),
        )


class BindServer(NameServer):
    """A named."""

    def __init__(self, folder: Path) -> None:
        _write_zones(folder)
        self.port = free_port()
        keys = "".join(
            f'key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};\n'
            for key in KEYS
        )
        zones = "".join(
            f'zone "{zone}" {{ type primary; file "{folder}/{zone}.zone"; allow-update {{ '
            + ("".join(f"key {key.name}; " for key in KEYS if zone in key.zones) or "any; ")
            + "}; };\n"
            for zone in ZONES
        )
        (folder / "named.conf").write_text(
            f"""
options {{
  directory "{folder}";
  pid-file none;
  session-keyfile none;
  listen-on port {self.port} {{ {self.address}; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  notify no;
}};
controls {{ }};
{keys}{zones}"""
        )
        super().__init__(
            "BIND",
            [dns_tool("named"), "-g", "-c", str(folder / "named.conf")],
            r"\brunning$",
            environment=dns_tool_environment(),
        )
