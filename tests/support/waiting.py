"""A zone whose second server is up to each test, and a clock that waits without time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

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


class Clock:
    """A clock that only sleeping moves; ``then`` are things to do at the next sleeps."""

    def __init__(self, *then: Callable[[], object]) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.then = list(then)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.then:
            self.then.pop(0)()


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
