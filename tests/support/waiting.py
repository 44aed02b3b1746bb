"""A zone whose second server is up to each test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.support.clock import Clock
from tests.support.name_servers import name
from tests.support.peers.knot import Knot
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import (
    PropagationProgress,
    PropagationReport,
    Resolver,
    ServerAddress,
    parse_policy,
    wait_until_visible,
)

FIRST, SECOND, OTHER = "127.0.0.31", "127.0.0.32", "127.0.0.33"
NS = f"@ NS ns1\n@ NS ns2\nns1 A {FIRST}\n"
BOTH = NS + f"ns2 A {SECOND}\n"
BIG = "".join(f'_acme-challenge.big TXT "{i:03} {"x" * 200}"\n' for i in range(40))
LONG = "y" * 600
TXT = f"""
_acme-challenge TXT "one"
_acme-challenge TXT "two"
_acme-challenge.long TXT "{LONG[:255]}" "{LONG[255:510]}" "{LONG[510:]}"
_acme-challenge.alias CNAME moved
{BIG}
"""

ONE = {name("_acme-challenge.example.com"): frozenset({"one"})}


class World:
    """One Knot for the zone; a second server is whatever a test puts at ``SECOND``."""

    def __init__(self, folder: Path, port: int, first: Knot) -> None:
        self.folder = folder
        self.port = port
        self.first = first
        self.seen: list[PropagationProgress] = []

    def resolver(self, timeout: float = 2.0) -> Resolver:
        return Resolver(
            [ServerAddress(FIRST, self.port)], authoritative_port=self.port, timeout=timeout
        )

    async def wait(
        self,
        expected: Mapping[DomainName, frozenset[str]],
        clock: Clock | None = None,
        *,
        policy: str = "authoritative",
        resolver: Resolver | None = None,
        deadline: float = 600,
    ) -> PropagationReport:
        clock = clock or Clock()
        return await wait_until_visible(
            resolver or self.resolver(),
            expected,
            parse_policy(policy),
            deadline=deadline,
            on_progress=self.seen.append,
            sleep=clock.sleep,
            clock=clock,
        )
