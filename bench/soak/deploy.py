"""Kills ``zoneproof renew`` with SIGKILL at random moments while it deploys 50 certificates.

Each has three tasks: files that are copied, a command that notes what it did at its end, and one
that fails at its first attempt for each third certificate. Certificates are exchanged on disk, as
if they were renewed, so that no CA is needed. Kills come after a random time; no file is half then.
After the next whole run every task is done for the certificate that is there: the commands once for
each, and the history has each success and each failure once.

Then nginx, Apache and HAProxy get ten certificates each while clients come all the time.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.soak.progress import Progress, SoakError
from tests.support.command import Running, start
from tests.support.full_home import issued
from tests.support.peers.web_servers import SERVERS, WebServer
from tests.support.tls_load import load
from zoneproof.manager import CertificateDefinition, Home, Manager, MethodDefinition, open_manager
from zoneproof.manager.certificates.deployment_state import NotDeployed
from zoneproof.manager.certificates.deployments import DEPLOYED, NOT_DEPLOYED
from zoneproof.manager.certificates.renewal_state import RenewalState, after_success
from zoneproof.manager.certificates.state import CertificateState, status_of
from zoneproof.manager.certificates.task_definition import TaskDefinition

CERTIFICATES = 50
_NAMES = [f"c{number:02}.example.com" for number in range(CERTIFICATES)]
_SITE, _CLIENTS, _RENEWALS = "www.example.com", 4, 10
_RENEW = ("renew", "--quiet")
_COMMAND = (sys.executable, "-m", "zoneproof", *_RENEW)
_PROGRAM = """#!/bin/sh
sleep 0.0$(($$ % 5))
echo "$ZONEPROOF_CERTIFICATE $ZONEPROOF_SERIAL" >>"$1"
"""
# Fails once for each certificate of a third of them: what it leaves says that it has.
_FAILING = """#!/bin/sh
case $ZONEPROOF_CERTIFICATE in
  c?[0369].*) mkdir "$1/$ZONEPROOF_CERTIFICATE~$ZONEPROOF_SERIAL" 2>/dev/null && exit 1 ;;
esac
echo "$ZONEPROOF_CERTIFICATE $ZONEPROOF_SERIAL" >>"$1/done"
"""


class _World:
    """A home below a folder, and where its tasks leave their traces."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.copies, self.failed = folder / "copies", folder / "failed"
        self.noted = folder / "noted"
        self._whole: set[bytes] = set()  # what was in the files of all certificates so far
        for one in (self.copies, self.failed):
            one.mkdir()
        self.tasks = (
            TaskDefinition(
                task="copy",
                fields={
                    "fullchain": f"{self.copies}/{{name}}.pem",
                    "key": f"{self.copies}/{{name}}.key",
                },
            ),
            self._command(folder, "note", _PROGRAM, self.noted),
            self._command(folder, "fails", _FAILING, self.failed),
        )

    def _command(self, folder: Path, name: str, text: str, argument: Path) -> TaskDefinition:
        program = folder / name
        program.write_text(text)
        program.chmod(0o755)
        return TaskDefinition(
            task="command", name=name, fields={"command": f"{program} {argument}"}
        )

    async def define(self) -> None:
        """Make the certificates managed."""
        async with open_manager(self.home) as manager:
            for name in _NAMES:
                method = MethodDefinition(provider="manual")
                await manager.certificates.save(
                    CertificateDefinition(
                        name=name, identifiers=(name,), method=(method,), deploy=self.tasks
                    ).check()
                )

    async def renew(self) -> dict[str, str]:
        """Give each a new certificate, not deployed yet; return the serial numbers."""
        serials = {}
        async with open_manager(self.home) as manager:
            for name in _NAMES:
                serials[name] = await _put(manager, name)
        for path in self.home.path.glob("live/*/*.pem"):
            self._whole.add(path.read_bytes())
        return serials

    def require_whole(self) -> None:
        """Raise SoakError for a copy that is not all of some file that was to be copied."""
        for path in self.copies.glob("c*"):
            if path.read_bytes() not in self._whole:
                raise SoakError(f"{path.name} is half after a kill")

    def start(self) -> Running:
        """Start a run that deploys what is left."""
        with Path(os.devnull).open("r+b") as nothing:
            streams = (nothing.fileno(), nothing.fileno(), nothing.fileno())
            return start(_RENEW, _environment(self.home), streams)


def run(count: int, seed: int) -> None:
    """Kill so many times, then renew under load. Raises SoakError for whatever goes wrong."""
    kill(count, seed)
    for kind in sorted(SERVERS):
        asyncio.run(_renew_under_load(kind))


def kill(count: int, seed: int) -> None:
    """Kill so many times. Raises SoakError for what was deployed twice, half, or not at all."""
    rng = random.Random(seed)
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        world = _World(Path(name))
        asyncio.run(world.define())
        expected: Counter[str] = Counter()
        usual = 3.0
        progress = Progress(count, "kills")
        kills = rounds = 0
        while kills < count:
            serials = asyncio.run(world.renew())
            rounds += 1
            expected.update(f"{name} {serial}" for name, serial in serials.items())
            for _ in range(rng.randint(1, 4)):
                killed = _kill(world, rng.uniform(0.2, 1.0) * usual)
                tally["killed" if killed else "ended before the kill"] += 1
                kills += killed
                world.require_whole()
            began = time.monotonic()
            world.start().wait(300)
            usual = max(0.1, time.monotonic() - began)
            asyncio.run(_retry(world))
            asyncio.run(_check(world, serials, expected, rounds))
            progress.show(min(kills, count))
        progress.finish()
    print(f"  {tally['killed']} killed, {tally['ended before the kill']} ended before the kill")
    failures = rounds * sum(map(_fails, _NAMES))
    print(
        f"  {sum(expected.values())} certificates deployed by three tasks each, none twice, half or"
        f" never; {failures} failures retried"
    )


def _kill(world: _World, seconds: float) -> bool:
    process = world.start()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


async def _retry(world: _World) -> None:
    """Let what failed be due, and run until nothing is left."""
    async with open_manager(world.home) as manager:
        for name in _NAMES:
            await manager.certificates.change_state(name, CertificateState, _due)
    process = await asyncio.create_subprocess_exec(*_COMMAND, env=_environment(world.home))
    if await process.wait():
        raise SoakError("the run after the kill failed")


def _due(state: CertificateState) -> CertificateState:
    left: dict[str, NotDeployed] = {
        name: msgspec.structs.replace(one, next_attempt_at=None)
        for name, one in state.not_deployed.items()
    }
    return msgspec.structs.replace(state, not_deployed=left)


async def _check(
    world: _World, serials: dict[str, str], expected: Counter[str], rounds: int
) -> None:
    async with open_manager(world.home) as manager:
        for name, serial in serials.items():
            await _check_certificate(world, manager, name, serial, rounds)
    for kind, path in (("note", world.noted), ("fails", world.failed / "done")):
        done = Counter(path.read_text().splitlines())
        if done != expected:
            twice, never = done - expected, expected - done
            raise SoakError(f"{kind}: deployed twice: {dict(twice)}, never: {dict(never)}")


async def _check_certificate(
    world: _World, manager: Manager, name: str, serial: str, rounds: int
) -> None:
    found = status_of(await manager.certificates.get(name), manager.files, datetime.now(UTC))
    if found.left:
        raise SoakError(f"{name}: {found.left} is left to do")
    live = manager.files.live(name)
    for copy, file in ((f"{name}.pem", "fullchain.pem"), (f"{name}.key", "privkey.pem")):
        if (world.copies / copy).read_bytes() != (live / file).read_bytes():
            raise SoakError(f"{copy} is not that of the certificate {serial}")
    if any(path.name.startswith(f".{name}") for path in world.copies.iterdir()):
        raise SoakError(f"something of {name} was left beside its copies")
    told = Counter((one.message.split(":")[0], one.kind) for one in await manager.history.of(name))
    due = Counter({(task.name or task.task, DEPLOYED): rounds for task in world.tasks})
    if _fails(name):
        due["fails", NOT_DEPLOYED] = rounds
    if told != due:
        raise SoakError(f"{name}: its history has {dict(told)} in {rounds} rounds, not {dict(due)}")


def _fails(name: str) -> bool:
    """Tell whether the task of that kind fails at first for a certificate."""
    return int(name[2]) % 3 == 0


async def _renew_under_load(kind: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "server").mkdir()
        server, home = SERVERS[kind](folder / "server"), Home(folder / "home")
        task = TaskDefinition(task=kind, fields=dict(server.fields))
        serial = await _renew_one(home, task)
        _put_first(server, home.path / "live" / _SITE)
        with server:
            async with load(server.port, _CLIENTS) as clients:
                await clients.until_seen(serial)
                for _ in range(_RENEWALS):
                    serial = await _renew_one(home, task)
                    process = await asyncio.create_subprocess_exec(
                        *_COMMAND, *_RENEW, env=_environment(home)
                    )
                    if await process.wait():
                        raise SoakError(f"{kind}: the renewal failed")
                    await clients.until_seen(serial)
    if clients.failures:
        raise SoakError(f"{kind}: {len(clients.failures)} failed, as {clients.failures[0]}")
    print(f"  {kind}: {_RENEWALS} renewals, {clients.seen.total():,} handshakes, 0 failed")


def _put_first(server: WebServer, live: Path) -> None:
    """Copy a certificate to where the server reads it, so that it can start."""
    key, chain = ((live / file).read_bytes() for file in ("privkey.pem", "fullchain.pem"))
    contents = {"fullchain": chain, "key": key, "combined": key + chain}
    for part in contents.keys() & server.fields.keys():
        Path(server.fields[part]).write_bytes(contents[part])


async def _renew_one(home: Home, task: TaskDefinition) -> str:
    """Give the site a new certificate, which is not deployed yet; return its serial number."""
    async with open_manager(home) as manager:
        method = MethodDefinition(provider="manual")
        definition = CertificateDefinition(
            name=_SITE, identifiers=(_SITE,), method=(method,), deploy=(task,)
        )
        await manager.certificates.save(definition.check())
        return await _put(manager, _SITE)


async def _put(manager: Manager, name: str) -> str:
    made = issued(name)
    serial = f"{made.chain.leaf.serial_number:x}"
    state = after_success(RenewalState(), serial, datetime.now(UTC), identifiers=(name,))
    state = msgspec.structs.replace(state, ask_again_at=state.obtained_at)
    await manager.states.set_renewal(name, state)
    manager.files.write(name, made)
    return serial


def _environment(home: Home) -> dict[str, str]:
    return {"ZONEPROOF_HOME": str(home.path), "PATH": "/usr/bin:/bin"}
