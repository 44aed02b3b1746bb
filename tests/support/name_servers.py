"""Real name servers on several loopback addresses with one port, as the world has them."""

from __future__ import annotations

import socket
from pathlib import Path

import dns.query
import dns.rcode
import dns.tsig
import dns.update

from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET, Knot
from zoneproof.core.names import DomainName
from zoneproof.testing.ports import free_port

HEAD = "$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n"


def name(text: str) -> DomainName:
    return DomainName.parse(text)


def common_port(*addresses: str) -> int:
    """Return a port that is free at all the addresses for UDP and TCP."""
    while True:
        port = free_port(addresses[0])
        try:
            for address in addresses:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind((address, port))
        except OSError:
            continue
        return port


def knot(folder: Path, address: str, port: int, zones: dict[str, str]) -> Knot:
    return Knot(
        folder / address, {z: HEAD + text for z, text in zones.items()}, address=address, port=port
    )


def add_txt(server: Knot, zone: str, owner: str, value: str) -> None:
    """Add a TXT record by a signed update (RFC 2136) to one server only."""
    key = dns.tsig.Key(TSIG_NAME, TSIG_SECRET, TSIG_ALGORITHM)
    update = dns.update.UpdateMessage(zone, keyring=key)
    update.add(
        f"{owner}.",
        60,
        "TXT",
        " ".join(f'"{value[i : i + 255]}"' for i in range(0, len(value), 255)),
    )
    answer = dns.query.tcp(update, server.address, port=server.port, timeout=5)
    assert answer.rcode() == dns.rcode.NOERROR
