"""The pages show when the DNS was last asked for a registration, by whom, and what it answered."""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.challenge_service import Service, register, txt, update, write_config
from tests.support.clock import Clock
from tests.support.nodes import wait_until
from tests.support.opened_service import OpenRegistrations
from tests.support.service_pages import ServicePages, prepare
from zoneproof.challengedns.dns.asked import LOOKS, PER_SECOND, SLOTS, AskedNames, AskedReader
from zoneproof.challengedns.store import usage
from zoneproof.challengedns.store.last_questions import (
    ASKED_TO_USE_TCP,
    LastQuestion,
    forget_some,
    last_questions,
    network_asking,
)

NOW = 1_802_000_000.0


def reply(
    subdomain: str, values: int = 1, *, flags: int = 0x84, rcode: int = 0, rdtype: int = 16
) -> bytes:
    """Return the beginning of an answer, which is all that is looked at."""
    header = bytes([1, 2, flags, rcode, 0, 1, 0, values, 0, 0, 0, 0])
    label = bytes([len(subdomain)]) + subdomain.encode()
    return header + label + b"\4auth\7example\3org\0" + bytes([0, rdtype, 0, 1]) + b"\xc0\x0c"


def names_apart(count: int) -> list[str]:
    """Return names of registrations of which no two share a slot."""
    by_slot: dict[int, str] = {}
    while len(by_slot) < count:
        name = str(uuid.uuid4())
        by_slot[hash(name.encode()) % SLOTS] = name
    return list(by_slot.values())


def sender(index: int) -> str:
    return f"192.0.2.{index}"


@pytest.fixture
def reader() -> Iterator[AskedReader]:
    found = AskedReader()
    yield found
    found.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(now=NOW)


@pytest.fixture
def worker(reader: AskedReader, clock: Clock) -> AskedNames:
    return AskedNames(reader.descriptor, clock, clock)


def test_the_last_question_for_a_name_is_kept_in_any_case_of_letters(
    reader: AskedReader, worker: AskedNames, clock: Clock
) -> None:
    name, other = names_apart(2)
    worker.note([reply(name, 2), None, reply(other, 0)], sender)
    clock.now += 5
    worker.note([reply(name.upper(), 3)], lambda _: "2001:db8:1:2ff::53")
    assert reader.take() == {
        name: LastQuestion(int(NOW) + 5, "2001:db8:1:200::/56", 3),
        other: LastQuestion(int(NOW), "192.0.2.0/24", 0),
    }
    assert reader.take() == {}


NAME = "c5953849-51ee-4801-a8de-8dbbe5f1af6c"
UNLIKE = {
    "no such name": reply(NAME, rcode=3),
    "not known": reply(NAME, rcode=2, flags=0x80),
    "another EDNS": reply(NAME, flags=0x80),
    "another type": reply(NAME, rdtype=28),
    "another name": reply("www"),
    "below a wildcard": reply(NAME.replace("-", "\0")),
    "below a wildcard, too": reply("z" * 36),
    "no question": b"\1\2\x80\1\0\0\0\0\0\0\0\0",
}


@pytest.mark.parametrize("unlike", UNLIKE.values(), ids=UNLIKE)
def test_what_is_no_answer_about_a_registrations_values_is_not_kept(
    reader: AskedReader, worker: AskedNames, unlike: bytes
) -> None:
    worker.note([unlike], sender)
    assert reader.take() == {}


def test_an_answer_that_only_says_to_ask_by_tcp_is_told_as_that(
    reader: AskedReader, worker: AskedNames
) -> None:
    name = str(uuid.uuid4())
    worker.note([reply(name, 0, flags=0x86)], sender)
    assert reader.take()[name].answered == ASKED_TO_USE_TCP


def test_batches_of_every_size_are_taken(reader: AskedReader, worker: AskedNames) -> None:
    for size in range(70):
        names = [str(uuid.uuid4()) for _ in range(size)]
        worker.note([reply(name) for name in names], sender)
        seen = set(reader.take())
        assert seen <= set(names)
        assert bool(seen) == bool(names)
        assert len(seen) <= LOOKS


def test_a_storm_for_one_name_leaves_the_others(reader: AskedReader, worker: AskedNames) -> None:
    name, stormy = names_apart(2)
    worker.note([reply(name)], sender)
    for _ in range(PER_SECOND // 2):
        worker.note([reply(stormy)], sender)
    assert name in reader.take()


def test_names_that_do_not_exist_use_up_nothing(reader: AskedReader, worker: AskedNames) -> None:
    for _ in range(2 * PER_SECOND // LOOKS):
        worker.note([reply(str(uuid.uuid4()), rcode=3)] * LOOKS, sender)
    name = str(uuid.uuid4())
    worker.note([reply(name)], sender)
    assert list(reader.take()) == [name]


def test_a_worker_notes_no_more_than_so_many_in_a_second(
    reader: AskedReader, worker: AskedNames, clock: Clock
) -> None:
    for second in range(3):
        names = [str(uuid.uuid4()) for _ in range(2 * PER_SECOND)]
        for name in names:
            worker.note([reply(name)], sender)
        found = reader.take()
        assert len(found) <= min(PER_SECOND, SLOTS)
        assert set(found) <= set(names[:PER_SECOND]), second
        clock.now += 1


def test_of_a_large_batch_every_answer_has_its_turn(
    reader: AskedReader, worker: AskedNames
) -> None:
    names = names_apart(4 * LOOKS)
    found: set[str] = set()
    for _ in range(8):
        worker.note([reply(name) for name in names], sender)
        seen = reader.take()
        assert len(seen) <= LOOKS
        found |= set(seen)
    assert found == set(names)


def test_a_clock_that_is_set_back_stops_nothing(reader: AskedReader, clock: Clock) -> None:
    worker = AskedNames(reader.descriptor, clock)
    name = str(uuid.uuid4())
    worker.note([reply(name)], sender)
    reader.take()
    clock.now -= 86_400
    for _ in range(3):
        worker.note([reply(name)], sender)
    assert reader.take()[name].at == int(NOW) - 86_400


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/56"),
        ("2001:db8:ab:cdef::1", "2001:db8:ab:cd00::/56"),
    ],
)
def test_only_the_network_of_whoever_asks_is_kept(address: str, network: str) -> None:
    assert network_asking(address) == network


# --- in the database ---------------------------------------------------------------------------


async def noted(opened: OpenRegistrations, asked: dict[str, LastQuestion]) -> None:
    opened.rules.use.note_questions(asked)
    await usage.write_out(opened.database, opened.rules.use, opened.rules.now())


async def test_the_latest_of_all_nodes_is_kept_and_goes_with_its_registration(
    opened: OpenRegistrations,
) -> None:
    one, other = [(await opened.register()).subdomain for _ in range(2)]
    late, early = LastQuestion(200, "192.0.2.0/24", 2), LastQuestion(100, "192.0.2.0/24", 0)
    await noted(opened, {one: late, other: early, str(uuid.uuid4()): late})
    await noted(opened, {one: early})

    async def known() -> dict[str, LastQuestion]:
        return await opened.database.read(lambda tx: last_questions(tx, [one, other]))

    assert await known() == {one: late, other: early}
    await opened.delete(one)
    assert await known() == {other: early}
    assert not await opened.database.write(forget_some)
    assert await known() == {}


def test_only_so_many_wait_to_be_written() -> None:
    use, question = usage.UseCounter(), LastQuestion(100, "192.0.2.0/24", 1)
    use.note_questions({str(number): question for number in range(50_000)})
    later = LastQuestion(200, "192.0.2.0/24", 1)
    use.note_questions({"0": later, "another": later})
    taken: dict[str, LastQuestion] = {}
    while counts := use.take():
        taken |= counts.asked
    assert len(taken) == 20_000
    assert taken["0"] == later
    assert use.is_empty


# --- on the pages ------------------------------------------------------------------------------


def shown(pages: ServicePages, subdomain: str) -> str:
    page = pages.tenant().get(f"/portal/registrations/{subdomain}").text
    return re.sub(r"<[^>]*>", "", page.partition("Last question</dt>")[2].partition("</dd>")[0])


def test_a_question_shows_on_the_pages_of_operator_and_tenant(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with Service(config) as service:
        operator_key, keys = prepare(config, "team")
        pages = ServicePages(service, operator_key, keys)
        by_udp, by_tcp, never = [register(service.url, keys["team"]) for _ in range(3)]
        assert update(service.url, by_udp, txt("a")).status == 200
        service.ask(by_udp.fulldomain)
        service.ask(by_tcp.fulldomain, tcp=True)
        assert shown(pages, never.subdomain) == "none seen"
    # What was noted until then is written when the service stops.
    with Service(config) as service:
        pages = ServicePages(service, operator_key, keys)
        assert shown(pages, by_udp.subdomain).endswith("from 127.0.0.0/24: 1 value")
        assert shown(pages, by_tcp.subdomain).endswith("from 127.0.0.0/24: no values")
        assert shown(pages, never.subdomain) == "none seen"
        listed = pages.operator().get("/admin/registrations").text
        assert listed.count(">none seen<") == 1


def test_a_setting_switches_it_off_and_removes_what_was_noted(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with Service(config) as service:
        operator_key, keys = prepare(config, "team")
        account = register(service.url, keys["team"])
        service.ask(account.fulldomain)

    def are_kept() -> bool:
        with closing(sqlite3.connect(tmp_path / "challenge.db")) as connection:
            return bool(connection.execute("SELECT 1 FROM challenge_question").fetchall())

    assert are_kept()
    config.write_text(config.read_text() + "\n[pages]\nlast_questions = false\n")
    with Service(config) as service:
        wait_until(lambda: not are_kept(), "last questions to be removed")
        service.ask(account.fulldomain)
        pages = ServicePages(service, operator_key, keys)
        page = pages.tenant().get(f"/portal/registrations/{account.subdomain}").text
        assert "Last question" not in page
        assert "Last question" not in pages.tenant().get("/portal/").text
    assert not are_kept()
