"""Kills ``zoneproof renew`` with SIGKILL at random moments, and lets the next run mend it all.

Four certificates, by rfc2136 with an apex and its wildcard, by a script, by the challenge service
over a CNAME and by a webroot, are renewed by force. Half of the kills come after a random time,
half right after a random line of output. After the next run nothing may be left of any answer to a
challenge, no order that the CA would still take may be lost, and every certificate is whole.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import stat
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bench._mixed import MixedWorld, open_mixed
from bench.soak.progress import Progress, SoakError
from tests.support.command import Result
from tests.support.running_command import running_command
from zoneproof.core.errors import AcmeProblemError
from zoneproof.manager import Home, Manager, open_manager, status_of

_RENEW = ("renew", "--force", "--json")
_LIVES = 0.1, 1.0  # of the time that a whole run takes, at least and at most
_RESUMABLE = ("pending", "ready", "processing", "valid")
_BY_COMMAND = 10  # checks of the state that go by the command line are this rare
_LINKS = ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")


def run(count: int, seed: int) -> None:
    """Kill so many times. Raises SoakError for whatever the next run did not mend."""
    rng = random.Random(seed)
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, open_mixed(Path(name)) as world:
        progress = Progress(count, "kills")
        kills = 0
        _whole_run(world)
        whole, usual = _timed_run(world)
        while kills < count:
            last = _killed_run(world, rng, usual, len(whole.events))
            if last is None:
                continue  # it was faster than the kill
            kills += 1
            tally[last] += 1
            open_orders = _open_orders(world)
            whole, usual = _timed_run(world)
            asyncio.run(_check_orders(world, whole, open_orders, tally))
            _check_nothing_left(world)
            for definition in world.definitions:
                _check_certificate(world.home, definition.name)
            _check_private(world.home)
            asyncio.run(_check_readable(world))
            if kills % _BY_COMMAND == 1:
                _check_commands(world)
            progress.show(kills)
        progress.finish()
    print(
        f"  {tally.pop('resumed')} open orders continued, {tally.pop('dead')} were dead at the CA"
    )
    print("  last event before the kill: " + ", ".join(f"{n} {e}" for e, n in tally.most_common()))


def _whole_run(world: MixedWorld) -> Result:
    result = world.run(*_RENEW)
    if result.status:
        raise SoakError(f"the run after the kill failed: {result.stdout[-3000:]}{result.stderr}")
    return result


def _timed_run(world: MixedWorld) -> tuple[Result, float]:
    began = time.monotonic()
    return _whole_run(world), time.monotonic() - began


def _killed_run(world: MixedWorld, rng: random.Random, usual: float, lines: int) -> str | None:
    """Kill a run, and return the last event that it told of; None if it ended before."""
    by_time = rng.random() < 0.5
    seconds = rng.uniform(*_LIVES) * usual
    line = rng.randrange(lines)
    last = "nothing"
    with running_command(world.environment(), *_RENEW) as process:
        timer = threading.Timer(seconds, process.kill)
        if by_time:
            timer.start()
        for number, text in enumerate(process.stdout):
            if text.endswith("\n"):
                last = json.loads(text)["event"]
            if not by_time and number == line:
                process.kill()
        timer.cancel()
        status = process.wait()
    return last if status == -signal.SIGKILL else None


def _open_orders(world: MixedWorld) -> dict[str, str]:
    """Return the newest open order of each certificate that has one, by its URL."""
    rows = _query(
        world, "SELECT certificate, order_url FROM orders WHERE state = 'open' ORDER BY created_at"
    )
    return dict(rows)


def _query(world: MixedWorld, sql: str) -> list[Any]:
    with closing(sqlite3.connect(world.home / "state.sqlite3")) as connection:
        return connection.execute(sql).fetchall()


async def _check_orders(
    world: MixedWorld, result: Result, open_orders: dict[str, str], tally: Counter[str]
) -> None:
    resumed = {event["order_url"] for event in result.events if event["event"] == "order_resumed"}
    lost = {name: url for name, url in open_orders.items() if url not in resumed}
    tally["resumed"] += len(open_orders) - len(lost)
    tally["dead"] += len(lost)
    if not lost:
        return
    async with open_manager(Home(world.home)) as manager:
        for name, url in lost.items():
            status = await _status(manager, url)
            if status in _RESUMABLE:
                raise SoakError(f"the order {url} of {name} is {status}, and was not gone on with")


async def _status(manager: Manager, url: str) -> str:
    async with manager.clients.use(manager.settings.account) as client:
        try:
            return (await client.fetch_order(url)).status
        except AcmeProblemError as error:
            return f"gone ({error.message})"


def _check_nothing_left(world: MixedWorld) -> None:
    left = world.leftovers()
    if left:
        raise SoakError(f"answers to challenges were left: {left}")
    for table in ("publications", "http_files", "orders WHERE state = 'open'"):
        if rows := _query(world, f"SELECT * FROM {table}"):
            raise SoakError(f"the journal was not closed: {table} {rows}")


def _check_certificate(home: Path, name: str) -> None:
    live = home / "live" / name
    if {path.name for path in live.iterdir()} != set(_LINKS):
        raise SoakError(f"{live} holds {sorted(live.iterdir())}")
    versions = {"".join(filter(str.isdigit, (live / link).readlink().name)) for link in _LINKS}
    if len(versions) != 1:
        raise SoakError(f"the links in {live} point to versions {sorted(versions)}")
    leaf = x509.load_pem_x509_certificate((live / "cert.pem").read_bytes())
    chain = x509.load_pem_x509_certificates((live / "chain.pem").read_bytes())
    full = x509.load_pem_x509_certificates((live / "fullchain.pem").read_bytes())
    key = load_pem_private_key((live / "privkey.pem").read_bytes(), None)
    if full != [leaf, *chain] or key.public_key() != leaf.public_key():
        raise SoakError(f"the files in {live} do not belong together")
    leaf.verify_directly_issued_by(chain[0])


def _check_private(home: Path) -> None:
    for path in home.rglob("*"):
        secret = path.name.startswith(("privkey", "state.sqlite3", "vault.key"))
        if secret and path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SoakError(f"{path} can be read by others")


async def _check_readable(world: MixedWorld) -> None:
    async with open_manager(Home(world.home)) as manager:
        for certificate in await manager.certificates.readable():
            found = status_of(certificate, manager.files, datetime.now(UTC)).overview()
            if found.needs_attention:
                raise SoakError(f"{found.name} is {found.status}: {found.problem}")
            if (await manager.history.of(found.name))[-1].kind != "issued":
                raise SoakError(f"the history of {found.name} does not end with its certificate")


def _check_commands(world: MixedWorld) -> None:
    listed = world.run("list", "--json")
    if listed.status or len(json.loads(listed.stdout)) != len(world.definitions):
        raise SoakError(f"list says {listed.stdout}{listed.stderr}")
    for definition in world.definitions:
        told = world.run("history", definition.name, "--json")
        if told.status or not json.loads(told.stdout):
            raise SoakError(f"history says {told.stdout}{told.stderr}")
