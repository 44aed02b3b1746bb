"""100 names of one zone at a provider that replaces whole zones, beside lego.

The provider is Namecheap, against the fake of its API, which answers at once: what counts at the
real one is the number of requests. lego is called by certbot-dns-multi for one name after another.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench._figures import Bar, print_figure, print_ratio, print_title
from bench._lego_namecheap import lego_namecheap
from tests.providers.fakes.namecheap import FakeNamecheap
from tests.support.fake_api import Key
from tests.support.fake_http import FakeHttpServer, fake_http_server
from zoneproof.core.names import DomainName
from zoneproof.providers import ProviderContext, TxtRecord, Zone, open_provider

NAMES = 100
ROUNDS = 3
ZONE, KEY = "zone.example", "0123456789abcdef"
MOST_REQUESTS = 4
BAR = Bar("at most", 0.1)

Change = Callable[[], Awaitable[object]]


async def measure(names: int, rounds: int) -> None:
    """Measure in turn, and print."""
    print_title(f"publish {names} names of one zone, and remove them, {rounds} rounds in turn")
    print_figure("shared", "the fake, in Zoneproof's process, runs on the same cores")
    api = FakeNamecheap()
    api.add_zone(ZONE)
    api.keys[KEY] = Key()
    relative = [f"_acme-challenge.n{i}" for i in range(names)]
    whole = [f"n{i}.{ZONE}" for i in range(names)]
    zone, records = Zone(DomainName.parse(ZONE)), [TxtRecord(one, one, 60) for one in relative]
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with (
            fake_http_server(api) as server,
            lego_namecheap(Path(folder), api, KEY) as lego,
        ):
            fields = {"user": "somebody", "key": KEY, "client_ip": "198.51.100.7"}
            fields["api_url"] = f"{server.url}/xml.response"
            provider = open_provider("namecheap", ProviderContext(fields))
            # One of each before: what happens once, as lego's look at its own address.
            await provider.add(zone, records[:1])
            await provider.remove(zone, records[:1])
            await lego.present(whole[:1])
            await lego.clean_up(whole[:1])
            for _ in range(rounds):
                asked = await _timed(server, lambda: provider.add(zone, records), ours)
                gone = await _timed(server, lambda: provider.remove(zone, records), [])
                lego_asked = await _timed(lego.server, lambda: lego.present(whole), theirs)
                lego_gone = await _timed(lego.server, lambda: lego.clean_up(whole), [])
            await provider.close()
    verdict = "met" if asked <= MOST_REQUESTS else "MISSED"
    print_figure(
        "zoneproof: requests to publish",
        f"{asked} (bar: at most {MOST_REQUESTS}, {verdict}), to remove {gone}",
    )
    print_figure("lego: requests to publish", f"{lego_asked}, to remove {lego_gone}")
    print_figure("zoneproof: seconds to publish", f"{min(ours):.3f} to {max(ours):.3f}")
    print_figure("lego: seconds to publish", f"{min(theirs):.3f} to {max(theirs):.3f}")
    print_ratio("zoneproof / lego", ours, theirs, BAR)


async def _timed(server: FakeHttpServer, change: Change, seconds: list[float]) -> int:
    """Do it, add how long it took, and return how many requests it made."""
    before, start = len(server.requests), time.perf_counter()
    await change()
    seconds.append(time.perf_counter() - start)
    return len(server.requests) - before


def run(names: int, rounds: int) -> None:
    """Measure with these numbers."""
    asyncio.run(measure(names, rounds))


def main() -> None:
    """Measure with the numbers above."""
    run(NAMES, ROUNDS)


if __name__ == "__main__":
    main()
