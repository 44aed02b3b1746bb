"""Kills ``zoneproof renew`` with SIGKILL at random moments while it deploys 50 certificates.

Each has three tasks: files that are copied, a command that notes what it did at its end, and one
that fails at its first attempt for each third certificate. Certificates are exchanged on disk, as
if they were renewed, so that no CA is needed. Kills come after a random time. After the next whole
run every task is done for the certificate that is there: the commands once for each, no file is
half, and the history says what happened.
"""

from __future__ import annotations

import asyncio
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
from tests.support.full_home import issued
from zoneproof.manager import CertificateDefinition, Home, Manager, MethodDefinition, open_manager
from zoneproof.manager.certificates.deployment_state import NotDeployed
from zoneproof.manager.certificates.renewal_state import RenewalState, after_success
from zoneproof.manager.certificates.state import CertificateState, status_of
from zoneproof.manager.certificates.task_definition import TaskDefinition

CERTIFICATES = 50
_NAMES = [f"c{number:02}.example.com" for number in range(CERTIFICATES)]
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
                made = issued(name)
                serials[name] = f"{made.chain.leaf.serial_number:x}"
                state = after_success(
                    RenewalState(), serials[name], datetime.now(UTC), identifiers=(name,)
                )
                state = msgspec.structs.replace(state, ask_again_at=state.obtained_at)
                await manager.states.set_renewal(name, state)
                manager.files.write(name, made)
        return serials

    def start(self) -> subprocess.Popen[bytes]:
        """Start a run that deploys what is left."""
        return subprocess.Popen(
            [sys.executable, "-m", "zoneproof", "renew", "--quiet"],
            env={"ZONEPROOF_HOME": str(self.home.path), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def run(count: int, seed: int) -> None:
    """Kill so many times. Raises SoakError for what was deployed twice, half, or not at all."""
    rng = random.Random(seed)
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        world = _World(Path(name))
        asyncio.run(world.define())
        expected: Counter[str] = Counter()
        usual = 3.0
        progress = Progress(count, "kills")
        kills = 0
        while kills < count:
            serials = asyncio.run(world.renew())
            expected.update(f"{name} {serial}" for name, serial in serials.items())
            for _ in range(rng.randint(1, 4)):
                killed = _kill(world, rng.uniform(0.2, 1.0) * usual)
                tally["killed" if killed else "ended before the kill"] += 1
                kills += killed
            began = time.monotonic()
            world.start().wait(300)
            usual = max(1.0, time.monotonic() - began)
            asyncio.run(_retry(world))
            asyncio.run(_check(world, serials, expected))
            progress.show(min(kills, count))
        progress.finish()
    print(f"  {tally['killed']} killed, {tally['ended before the kill']} ended before the kill")
    print(f"  {sum(expected.values())} certificates deployed by three tasks each, none twice")


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
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "zoneproof", "renew", "--quiet"),
        env={"ZONEPROOF_HOME": str(world.home.path), "PATH": "/usr/bin:/bin"},
    )
    if await process.wait():
        raise SoakError("the run after the kill failed")


def _due(state: CertificateState) -> CertificateState:
    left: dict[str, NotDeployed] = {
        name: msgspec.structs.replace(one, next_attempt_at=None)
        for name, one in state.not_deployed.items()
    }
    return msgspec.structs.replace(state, not_deployed=left)


async def _check(world: _World, serials: dict[str, str], expected: Counter[str]) -> None:
    async with open_manager(world.home) as manager:
        for name, serial in serials.items():
            await _check_certificate(world, manager, name, serial)
    for kind, path in (("note", world.noted), ("fails", world.failed / "done")):
        done = Counter(path.read_text().splitlines())
        if done != expected:
            twice, never = done - expected, expected - done
            raise SoakError(f"{kind}: deployed twice: {dict(twice)}, never: {dict(never)}")


async def _check_certificate(world: _World, manager: Manager, name: str, serial: str) -> None:
    found = status_of(await manager.certificates.get(name), manager.files, datetime.now(UTC))
    if found.left:
        raise SoakError(f"{name}: {found.left} is left to do")
    live = manager.files.live(name)
    for copy, file in ((f"{name}.pem", "fullchain.pem"), (f"{name}.key", "privkey.pem")):
        if (world.copies / copy).read_bytes() != (live / file).read_bytes():
            raise SoakError(f"{copy} is not that of the certificate {serial}")
    if any(path.name.startswith(f".{name}") for path in world.copies.iterdir()):
        raise SoakError(f"something of {name} was left beside its copies")
    last = {one.message.split(":")[0]: one.kind for one in await manager.history.of(name)}
    if last != dict.fromkeys(("copy", "note", "fails"), "deployed"):
        raise SoakError(f"{name}: its history ends with {last}")
