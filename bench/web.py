"""The web pages of 1,000 certificates: what the first page weighs and takes, beside ``list``."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench._pairs import print_pair, time_pairs
from tests.support.full_home import issued
from tests.support.web_pages import Client, WebPages
from zoneproof.manager import (
    CertificateDefinition,
    Credential,
    Home,
    MethodDefinition,
    open_manager,
)
from zoneproof.manager.certificates.versions import FileForm
from zoneproof.pages.assets import Assets
from zoneproof.storage import Transaction

CERTIFICATES, RUNS = 1000, 15
BROWSED = ("/", "/certificates", "/certificates?q=host05&sort=-expires")
_NEEDED = ("style.css", "htmx.min.js", "hx-sse.min.js", "app.js", "favicon.svg")


async def fill(path: Path, certificates: int) -> None:
    """Make a home with so many certificates, each with its files."""
    names = [f"host{number:04}.example.com" for number in range(certificates)]
    async with open_manager(Home(path)) as manager:
        await manager.credentials.save(Credential("dns", "rfc2136", {"server": "192.0.2.1"}))

        def save(tx: Transaction) -> None:
            for name in names:
                method = (MethodDefinition(credential="dns"),)
                definition = CertificateDefinition(name=name, identifiers=(name,), method=method)
                manager.certificates.save.within(tx, definition)

        await manager.store.write(save)
        one = issued("host.example.com")
        for name in names:
            manager.files.write(name, one, FileForm())


def weight(client: Client, path: str) -> int:
    """Return the bytes of a page, as they are sent."""
    answer = client.get(path)
    assert answer.status == 200
    return len(answer.body)


def measure(folder: Path, certificates: int, runs: int) -> None:
    """Print weights and times."""
    home = folder / "home"
    asyncio.run(fill(home, certificates))
    command = [sys.executable, "-m", "zoneproof", "list"]
    environment = {**os.environ, "ZONEPROOF_HOME": str(home)}
    with WebPages(home, as_installed=True) as pages:
        client = pages.administrator()
        page = weight(client, "/")
        assets = Assets()
        rest = sum(weight(client, assets.url(name)) for name in _NEEDED)
        print(
            f"first page of {certificates:,}: {page / 1000:.1f} kB, style and scripts"
            f" {rest / 1000:.1f} kB, which are kept for ever",
            flush=True,
        )
        for path in BROWSED:
            times = sorted(_seconds(client, path) for _ in range(runs))
            median = statistics.median(times)
            print(
                f"{path:40} {weight(client, path) / 1000:5.1f} kB   median {median * 1000:4.0f} ms"
                f"   fastest {times[0] * 1000:4.0f} ms",
                flush=True,
            )
        pair = time_pairs(
            lambda: client.get("/"),
            lambda: subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True),
            runs,
        )
        print_pair("first page", pair, "zoneproof list")


def _seconds(client: Client, path: str) -> float:
    start = time.perf_counter()
    client.get(path)
    return time.perf_counter() - start


def main() -> None:
    """Measure a home of 1,000."""
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), CERTIFICATES, RUNS)


if __name__ == "__main__":
    main()
