"""Values live as long as was promised, whatever the machine's clock shows meanwhile."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.challengedns.wrong_clock import WrongClock
from tests.support.challenge_service import (
    Service,
    challenge_command,
    everywhere,
    make_responder,
    register,
    txt,
    update,
    write_config,
)
from tests.support.opened_service import OpenRegistrations, open_registrations
from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.value_time import ValueClock

DAY = 86_400
LIFETIME = 7 * DAY


class Machine:
    """A machine whose clock can be set, and which can be off."""

    def __init__(self) -> None:
        self.clock = 1_800_000_000.0
        self.uptime = 500.0
        self.boots = 0

    def run(self, seconds: float) -> None:
        self.clock += seconds
        self.uptime += seconds

    def reboot(self, off: float) -> None:
        self.clock += off
        self.uptime = 20.0
        self.boots += 1

    def opens(self, config: Config) -> OpenRegistrations:
        time_of_day = lambda: self.clock  # noqa: E731
        return open_registrations(
            config.database,
            zone=config.registration_zone,
            value_lifetime=config.value_lifetime,
            clock=time_of_day,
            value_clock=ValueClock(time_of_day, lambda: self.uptime, lambda: f"boot {self.boots}"),
        )


async def test_the_same_time_is_told_in_every_part_of_a_second(tmp_path: Path) -> None:
    """The machine's seconds and those of its clock do not begin together."""
    machine = Machine()
    machine.uptime += 0.3
    registrations = machine.opens(load_config(write_config(tmp_path)))
    await registrations.keep_value_time()
    made = await registrations.register()
    await registrations.publish(made.subdomain, txt("a"))
    told = []
    for _ in range(10):
        told += await registrations.values(made.subdomain)
        machine.run(0.1)
    await registrations.close()
    assert set(told) == {(txt("a"), 1_800_000_000 + LIFETIME)}


@given(
    st.lists(
        st.tuples(st.sampled_from(["set", "run", "off"]), st.integers(-400 * DAY, 400 * DAY)),
        max_size=6,
    )
)
def test_a_value_lives_for_its_time_on_a_running_machine_however_the_clock_is_set(
    history: list[tuple[str, int]],
) -> None:
    machine = Machine()

    async def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = load_config(write_config(Path(folder)))
            registrations = machine.opens(config)
            await registrations.keep_value_time()
            made = await registrations.register()
            await registrations.publish(made.subdomain, txt("a"))
            left = float(LIFETIME)
            for kind, amount in history:
                if kind == "set":
                    machine.clock += amount
                elif kind == "run":
                    machine.run(abs(amount) % (5 * DAY))
                    left -= abs(amount) % (5 * DAY)
                else:
                    await registrations.keep_value_time()
                    machine.reboot(abs(amount))
                await registrations.keep_value_time()
                await registrations.sweep()
                found = await registrations.values(made.subdomain)
                assert [value for value, _ in found] == ([txt("a")] if left > 0 else [])
                for _, until in found:
                    assert until == int(machine.clock) + left
            await registrations.close()

    asyncio.run(live())


async def test_what_was_not_stored_before_the_machine_went_off_is_not_taken_from_a_value(
    tmp_path: Path,
) -> None:
    machine = Machine()
    config = load_config(write_config(tmp_path))
    registrations = machine.opens(config)
    await registrations.keep_value_time()
    made = await registrations.register()
    await registrations.publish(made.subdomain, txt("a"))
    machine.run(6 * DAY)
    machine.reboot(3 * DAY)
    machine.run(2 * DAY)
    assert await registrations.values(made.subdomain)
    await registrations.close()


@pytest.mark.parametrize("jump", [-700 * DAY, 700 * DAY])
async def test_workers_answer_by_the_machines_seconds(tmp_path: Path, jump: float) -> None:
    machine = Machine()
    config = load_config(write_config(tmp_path))
    registrations = machine.opens(config)
    await registrations.keep_value_time()
    made = await registrations.register()
    await registrations.publish(made.subdomain, txt("a"))
    machine.clock += jump
    responder = make_responder(
        config, clock=lambda: machine.uptime, ahead=await registrations.values_ahead()
    )
    packet = dns.message.make_query(made.fulldomain, "TXT").to_wire()

    def answers() -> int:
        reply = responder.respond(packet)
        assert reply
        return len(dns.message.from_wire(reply).answer)

    while responder.warm_up():
        pass
    machine.run(LIFETIME - 1)
    assert answers() == 1
    machine.run(1)
    assert answers() == 0
    await registrations.close()


@pytest.mark.parametrize("wrong_by", [-900 * DAY, 900 * DAY])
def test_a_value_that_was_acknowledged_while_the_clock_was_wrong_survives_its_correction(
    tmp_path: Path, wrong_by: int
) -> None:
    clock = WrongClock(tmp_path, wrong_by)
    config = write_config(tmp_path)

    def service() -> Service:
        made = Service(config)
        made._environment |= clock.environment
        return made

    with service() as first:
        account = register(first.url)
        assert update(first.url, account, txt("a")).status == 200
        clock.set(0)
        assert everywhere(first, account.fulldomain) == {(txt("a"),)}
    for now_wrong_by in (-wrong_by, 0):
        with service() as again:
            assert everywhere(again, account.fulldomain) == {(txt("a"),)}
            clock.set(now_wrong_by)
            assert everywhere(again, account.fulldomain) == {(txt("a"),)}
    shown = challenge_command(config, "registration", "show", account.subdomain, "--json")
    (value,) = json.loads(shown.stdout)["values"]
    assert LIFETIME - DAY < value["expires_at"] - time.time() <= LIFETIME


async def test_the_sweep_takes_small_batches_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_SWEEP_LIMIT", 3)
    monkeypatch.setattr(rows, "_KEPT_CHANGES", 4)
    monkeypatch.setattr(rows, "_KEPT_DELETED", 5)
    machine = Machine()
    config = load_config(write_config(tmp_path))
    registrations = machine.opens(config)
    made = [await registrations.register() for _ in range(17)]
    for each in made:
        await registrations.publish(each.subdomain, txt("a"))
    for each in made[:13]:
        machine.run(1)
        await registrations.delete(each.subdomain)
    machine.run(LIFETIME)

    def counts() -> list[int]:
        tables = ("challenge_value", "challenge_change", "challenge_deleted_subdomain")
        with closing(sqlite3.connect(config.database)) as kept:
            return [kept.execute(f"SELECT COUNT(*) FROM {each}").fetchone()[0] for each in tables]

    assert counts() == [4, 47, 13]
    more = await registrations.database.write(lambda tx: rows.sweep(tx, int(machine.clock)))
    assert more
    # What expired is a change, too: secondaries learn of it from its serial.
    assert counts() == [1, 47, 10]
    await registrations.sweep()
    assert counts() == [0, 4, 5]
    with closing(sqlite3.connect(config.database)) as kept:
        remembered = {
            row[0] for row in kept.execute("SELECT subdomain FROM challenge_deleted_subdomain")
        }
    assert remembered == {each.subdomain for each in made[8:13]}
    await registrations.close()


def test_a_service_that_has_just_started_throws_away_what_has_expired(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    with closing(sqlite3.connect(tmp_path / "challenge.db")) as database:
        with Service(path) as service:
            account = register(service.url)
            assert update(service.url, account, txt("a")).status == 200
        with database:
            database.execute("UPDATE challenge_value SET expires_at = 1")
        with Service(path):
            deadline = time.monotonic() + 30
            while database.execute("SELECT COUNT(*) FROM challenge_value").fetchone() != (0,):
                assert time.monotonic() < deadline, "it is kept"
