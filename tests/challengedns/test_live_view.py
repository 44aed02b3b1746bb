"""The operator watches who asks for a challenge, while it is switched on and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.challenge_service import Service, register, txt, update, write_config
from tests.support.service_pages import ServicePages, prepare
from tests.support.web_pages import Client
from zoneproof.challengedns.dns.watched import SLOTS, WatchedAnswers, Watcher

NAME = b"\x24" + b"a" * 36 + b"\x04auth\x07example\x03org\x00"
FAR = 4e9  # a time of day


def reply(letter: str = "x") -> bytes:
    return letter.encode() * 12 + NAME


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    found = Watcher()
    yield found
    found.close()


def test_a_worker_keeps_the_answers_of_registrations_for_whoever_watches(watcher: Watcher) -> None:
    worker = WatchedAnswers(watcher.descriptor)
    assert not worker.is_watched
    watcher.watch(FAR)
    assert worker.is_watched
    worker.note("192.0.2.1", reply())
    worker.note("192.0.2.1", b"x" * 12 + b"\x03www\x07example\x03org\x00")
    ((_, address, found),) = watcher.take()
    assert (address, found) == ("192.0.2.1", reply())
    assert watcher.take() == []
    watcher.watch(0)
    assert not worker.is_watched


def test_the_ring_is_bounded_and_keeps_the_latest(watcher: Watcher) -> None:
    worker = WatchedAnswers(watcher.descriptor)
    for number in range(SLOTS + 20):
        worker.note(f"192.0.2.{number}", reply())
    found = watcher.take()
    assert len(found) <= SLOTS
    assert found[-1][1] == f"192.0.2.{SLOTS + 19}"


def test_an_answer_that_is_too_long_is_kept_in_part(watcher: Watcher) -> None:
    worker = WatchedAnswers(watcher.descriptor)
    worker.note("2001:db8::1", reply() + b"y" * 5000)
    worker.note("192.0.2.1", reply())
    (_, address, found), (_, other, whole) = watcher.take()
    assert address == "2001:db8::1"
    assert found.startswith(reply())
    assert (other, whole) == ("192.0.2.1", reply())


def rows(client: Client, of: str = "") -> str:
    return client.get(f"/admin/live?of={of}").text


def test_questions_and_updates_are_seen_only_while_it_is_on(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with Service(config) as service:
        pages = ServicePages(service, *prepare(config, "team", "other"))
        operator = pages.operator()
        account = register(service.url, pages.keys["team"])
        assert update(service.url, account, txt("a")).status == 200
        assert service.texts(account.fulldomain) == [txt("a")]
        assert operator.post("/admin/live", minutes="5").status == 303
        assert account.subdomain not in rows(operator)

        assert update(service.url, account, txt("b")).status == 200
        assert update(service.url, account, "too short").status == 400
        service.ask(account.fulldomain)
        service.ask(account.fulldomain, tcp=True)
        service.ask(f"_acme-challenge.{account.fulldomain}")
        text = rows(operator, "team")
        assert f"publish {txt('b')}" in text
        assert "refused: bad_txt" in text
        assert text.count(f"&#34;{txt('b')}&#34;") == 2
        assert ">UDP<" in text
        assert ">TCP<" in text
        assert account.subdomain in rows(operator, account.subdomain[:8])
        assert account.subdomain not in rows(operator, "other")

        operator.post("/admin/live", minutes="0")
        service.ask(account.fulldomain)
        assert account.subdomain not in rows(operator)
        assert operator.post("/admin/live", minutes="100000").status == 400
