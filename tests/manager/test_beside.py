"""Commands beside a daemon that is in the middle of an order: nothing is lost, nothing left."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.faults.world import FaultWorld
from tests.manager.managed import CHALLENGE, daemon, listed, query
from tests.support.ca_proxy import CaProxy, Forward, Reply, Rule
from tests.support.change_txt import change
from tests.support.peers.knot import TSIG_SECRET
from tests.support.running_command import RunningCommand
from tests.support.world import World
from zoneproof.core.errors import BusyError
from zoneproof.manager import Home, Proposal, open_manager
from zoneproof.manager.certificates.proposal import save
from zoneproof.vault import Key

NAME = "example.com"
WRONG = "d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmc="


@pytest.fixture(scope="module")
def prepared(servers: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultWorld]:
    """A home with one certificate that is due and a stored credential."""
    with CaProxy(servers.pebble) as proxy:
        world = FaultWorld(**vars(servers.at(tmp_path_factory.mktemp("prepared"))), proxy=proxy)
        prepare(world)
        yield world


def prepare(world: FaultWorld) -> None:
    world.write_settings(f'account = "{world.proxy.directory_url}"')
    fields = [option for option in world.rfc2136_options if option.startswith("--field")]
    world.good("credential", "add", "rfc2136", "--name=dns", "--field=server=127.0.0.1", *fields)
    world.good("add", NAME, "--credential=dns", "--profile=default")


@pytest.fixture
def world(prepared: FaultWorld, tmp_path: Path) -> Iterator[FaultWorld]:
    """A copy of that home for each test, whose values are no other test's.

    Nor is its account: once in a hundred times Pebble takes an account's earlier validation.
    """
    shutil.copytree(prepared.home, tmp_path / "home")
    world = prepared.at(tmp_path)
    register = ["account", "register", f"--ca={world.proxy.directory_url}"]
    world.good(*register, *world.ca_options[1:])
    yield world
    for value in world.txt_values(CHALLENGE):
        change(world.knot.port, CHALLENGE, value, remove=True)


class Daemon:
    """A daemon whose order has its value in the DNS; the CA hears of it when it is ``released``."""

    def __init__(self, process: RunningCommand, released: threading.Event) -> None:
        self.process = process
        self._released = released
        self.events: list[dict[str, Any]] = []
        self.until("record_published")

    def until(self, event: str) -> dict[str, Any]:
        """Read events up to the next of that name, and return it."""
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == event:
                return self.events[-1]
            if self.events[-1]["event"] == "round":
                break
        raise AssertionError(f"the daemon never told of {event}: {self.events}")

    def result(self) -> dict[str, Any]:
        """Let the CA hear of the value, and return what came of the certificate."""
        self._released.set()
        result = self.until("renewal")
        self.until("round")
        return result

    @property
    def warnings(self) -> list[str]:
        return [event["message"] for event in self.events if event["event"] == "warned"]


@contextmanager
def busy_daemon(world: FaultWorld) -> Iterator[Daemon]:
    released, killed = threading.Event(), threading.Event()

    def hold(forward: Forward) -> Reply | None:
        released.wait()
        return None if killed.is_set() else forward()

    world.proxy.obey(Rule("challenge", hold))
    try:
        with daemon(world) as process:
            yield Daemon(process, released)
    finally:
        killed.set()
        released.set()


@contextmanager
def stopped(process: RunningCommand) -> Iterator[None]:
    """Keep a process from doing anything."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def nothing_is_left(world: FaultWorld) -> None:
    assert world.txt_values(CHALLENGE) == set()
    assert query(world, "SELECT count(*) FROM publications") == [(0,)]
    assert query(world, "SELECT count(*) FROM orders WHERE state = 'open'") == [(0,)]


@pytest.mark.parametrize(
    "command",
    [
        ["account", "rollover", "ACCOUNT"],
        ["account", "deactivate", "ACCOUNT", "--yes"],
        ["remove", NAME, "--yes"],
        ["apply", "-f", "OTHER", "--prune", "--yes"],
        ["revoke", NAME, "--yes"],
        ["issue", NAME],
        ["run"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_what_would_break_the_order_says_who_holds_what(
    world: FaultWorld, tmp_path: Path, command: Sequence[str]
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(OTHER)
    names = {"ACCOUNT": world.proxy.directory_url, "OTHER": str(other)}
    before = query(world, "SELECT private_key, next_key FROM accounts")
    with busy_daemon(world) as running:
        with stopped(running.process):
            done = world.run(*(names.get(word, word) for word in command))
            assert done.status == 1
            assert done.stderr.splitlines()[-1].startswith(
                f"zoneproof: another zoneproof (process {running.process.pid}) is "
            )
            assert query(world, "SELECT name FROM certificates") == [(NAME,)]
        assert running.result()["result"] == "renewed"
    assert query(world, "SELECT private_key, next_key FROM accounts") == before
    nothing_is_left(world)


def test_a_busy_certificate_is_a_failure_only_for_whoever_names_it(world: FaultWorld) -> None:
    with busy_daemon(world) as running:
        with stopped(running.process):
            named = world.run("renew", "--force", NAME)
            assert (named.status, "1 certificate: 1 busy" in named.stdout) == (1, True)
            assert world.run("renew", "--force").status == 0
        assert running.result()["result"] == "renewed"


OTHER = """
[[certificate]]
name = "other"
identifiers = ["other.example.com"]
[[certificate.method]]
credential = "dns"
"""


@pytest.mark.parametrize(
    "commands",
    [
        [["credential", "rotate-key"], ["credential", "rotate-key", "--drop-old", "--yes"]],
        [["credential", "set", "dns", "--field=server=127.0.0.2"]],
        [["credential", "set", "dns", f"--field=secret={WRONG}"]],
        [["credential", "remove", "dns", "--force", "--yes"]],
        [["credential", "rename", "dns", "other"]],
        [["account", "remove", "ACCOUNT", "--force", "--yes"]],
        [["edit", NAME, "--add-name=www.example.com"]],
        [["export", "-o", "ARCHIVE", "--passphrase=@PASSPHRASE"]],
        [["list"], ["show", NAME], ["preview", NAME], ["renew"]],
    ],
    ids=lambda commands: " ".join(commands[0][:3]),
)
def test_what_leaves_the_order_alone_works_beside_it(
    world: FaultWorld, tmp_path: Path, commands: Sequence[Sequence[str]]
) -> None:
    (tmp_path / "passphrase").write_text("only for this test")
    names = {
        "ACCOUNT": world.proxy.directory_url,
        "ARCHIVE": str(tmp_path / "archive"),
        "--passphrase=@PASSPHRASE": f"--passphrase=@{tmp_path / 'passphrase'}",
    }
    with busy_daemon(world) as running:
        for command in commands:
            world.good(*(names.get(word, word) for word in command))
        assert running.result()["result"] == "renewed", running.events
    nothing_is_left(world)
    assert listed(world)["status"] in ("valid", "due")


def test_an_archive_is_taken_in_beside_an_order(world: FaultWorld, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("only for this test")
    archive = [str(tmp_path / "archive"), f"--passphrase=@{tmp_path / 'passphrase'}"]
    world.good("export", "-o", *archive)
    world.good("edit", NAME, "--ttl=61")
    with busy_daemon(world) as running:
        world.good("import", "archive", *archive, "--replace", "--yes")
        assert running.result()["result"] == "renewed"
    nothing_is_left(world)
    shown = json.loads(world.good("show", NAME, "--json"))
    assert shown["definition"]["method"][0].get("ttl") != 61


def test_a_rollover_after_a_kill_lets_the_same_order_go_on(world: FaultWorld) -> None:
    with busy_daemon(world) as running:
        running.process.kill()
        running.process.wait()
        world.good("account", "rollover", world.proxy.directory_url)
    again = world.run("renew", "--json")
    assert "order_resumed" in again.event_names
    assert again.event("renewal")["result"] == "renewed"
    nothing_is_left(world)


@pytest.mark.parametrize(
    "command", [["apply", "-f", "OTHER", "--prune", "--yes"], ["remove", NAME, "--yes"]]
)
def test_what_a_killed_run_left_goes_with_its_certificate(
    world: FaultWorld, tmp_path: Path, command: Sequence[str]
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(OTHER)
    with busy_daemon(world) as running:
        running.process.kill()
        running.process.wait()
    assert world.txt_values(CHALLENGE)
    world.good(*(str(other) if word == "OTHER" else word for word in command))
    nothing_is_left(world)


@pytest.mark.parametrize("field", ["server=127.0.0.2", f"secret={WRONG}"])
def test_a_killed_order_whose_credential_is_changed_leaves_nothing(
    world: FaultWorld, field: str
) -> None:
    with busy_daemon(world) as running:
        running.process.kill()
        running.process.wait()
    right = {"server": "127.0.0.1", "secret": TSIG_SECRET}[field.partition("=")[0]]
    world.good("credential", "set", "dns", f"--field={field}")
    assert world.run("renew").status == 1
    assert world.txt_values(CHALLENGE) == set()
    world.good("credential", "set", "dns", f"--field={field.partition('=')[0]}={right}")
    world.good("renew", "--force")
    nothing_is_left(world)


def test_a_removal_that_was_killed_is_finished_by_the_next(world: FaultWorld) -> None:
    world.good("renew")
    removal = ("remove", NAME, "--delete-files", "--yes")
    killed = world.run(*removal, module="tests.manager.die_at_removal")
    assert killed.status == -signal.SIGKILL, killed.stderr
    assert query(world, "SELECT name FROM certificates") == []
    assert (world.home / "live" / NAME).exists()
    world.good("remove", NAME, "--delete-files", "--yes")
    assert not (world.home / "live" / NAME).exists()
    assert not (world.home / "archive" / NAME).exists()
    assert world.run("remove", NAME, "--delete-files", "--yes").status == 2


async def test_of_two_who_change_a_definition_at_once_the_second_is_told(world: FaultWorld) -> None:
    async with open_manager(Home(world.home)) as manager:
        before = (await manager.certificates.get(NAME)).definition
        mine = Proposal(msgspec.structs.replace(before, key_type="rsa2048"))
        world.good("edit", NAME, "--add-name=www.example.com")
        with pytest.raises(BusyError, match="was changed by somebody else in the meantime"):
            await save(manager, mine, before)
        after = (await manager.certificates.get(NAME)).definition
    assert (after.key_type, len(after.identifiers)) == (before.key_type, 2)


def _swap(key: Path) -> None:
    key.write_text(f"{Key.new().to_text()}\n")


def _open_to_others(key: Path) -> None:
    key.chmod(0o644)


@pytest.mark.parametrize("harm", [_swap, Path.unlink, _open_to_others])
def test_no_secret_is_sealed_with_a_vault_key_that_is_gone(world: FaultWorld, harm: Any) -> None:
    """The order is kept without its key, and continues when the vault's key is back."""
    key = world.home / "vault.key"
    kept = key.read_text()
    with busy_daemon(world) as running:
        harm(key)
        failed = running.result()
        assert failed["result"] == "failed"
        assert "vault.key" in failed["error"]
    assert world.txt_values(CHALLENGE) == set()
    assert query(world, "SELECT state, private_key FROM orders") == [("open", None)]
    key.write_text(kept)
    key.chmod(0o600)
    again = world.run("renew", "--json", "--force")
    assert "order_resumed" in again.event_names
    assert again.event("renewal")["result"] == "renewed"
    nothing_is_left(world)
