"""The journal: what is written before a record is published, and how it is cleaned."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from tests.issuance.fake_provider import MemoryProvider
from tests.issuance.publishing import SECRET, open_order, providing, publish_values, published
from zoneproof.challenges import SOLVERS
from zoneproof.challenges.http01 import HttpMethod, HttpResponder
from zoneproof.challenges.listener import Listeners
from zoneproof.challenges.solver import ChallengeTask, Prepared, Scope
from zoneproof.challenges.webroot import Leftover, Webroot
from zoneproof.core.errors import HttpResponderError, InvalidInputError
from zoneproof.core.names import Identifier
from zoneproof.issuance import (
    Event,
    FileRemoved,
    Journal,
    JournaledOrder,
    OrderRequest,
    OrderRun,
    Plan,
    PublishedRecord,
    RecordRemoved,
    Warned,
    remove_leftovers,
)
from zoneproof.issuance.order import Validation
from zoneproof.issuance.publish import OrderLedger
from zoneproof.providers import Provider, ProviderContext
from zoneproof.storage import load_migrations, open_sqlite
from zoneproof.testing.ports import free_port
from zoneproof.vault import open_vault


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    store = open_sqlite(tmp_path / "state.sqlite3", load_migrations("zoneproof.issuance"))
    yield Journal(store, open_vault(tmp_path), at_work=lambda _: True)
    await store.close()


async def test_an_open_order_is_found_again_as_it_was(journal: Journal) -> None:
    order = await open_order(journal)
    await open_order(journal, "example.net")
    assert await journal.open_orders("example.com") == [order]


async def test_the_key_is_kept_until_the_order_is_closed(journal: Journal, tmp_path: Path) -> None:
    order = await open_order(journal)
    await journal.keep_key(order.id, b"PRIVATE KEY")
    (found,) = await journal.open_orders("example.com")
    assert found.private_key == b"PRIVATE KEY"
    await journal.close_order(order.id)
    assert await journal.open_orders("example.com") == []


async def test_no_secret_stands_in_the_database(journal: Journal, tmp_path: Path) -> None:
    order = await open_order(journal)
    await journal.keep_key(order.id, b"PRIVATE KEY")
    await journal.will_publish([published(order.id, "one")])
    for file in tmp_path.glob("state.sqlite3*"):
        assert b"PRIVATE KEY" not in file.read_bytes()
        assert SECRET.encode() not in file.read_bytes()


async def test_values_are_journaled_before_they_are_published(journal: Journal) -> None:
    order = await open_order(journal)
    provider = MemoryProvider(ProviderContext({}))
    provider.broken = True
    with pytest.raises(Exception, match="it is broken"):
        await publish_values(journal, order.id, provider, "one")
    (found,) = await journal.publications(order.id)
    assert (found.value, found.zone.id, found.fields) == ("one", "42", {"token": SECRET})
    assert found.credential == "my-token"


async def test_publishing_again_what_is_journaled_is_one_publication(journal: Journal) -> None:
    order = await open_order(journal)
    for _ in range(2):
        await journal.will_publish([published(order.id, "one")])
    assert len(await journal.publications(order.id)) == 1


async def test_left_overs_of_every_order_of_the_certificate_are_removed(journal: Journal) -> None:
    provider = MemoryProvider(ProviderContext({}))
    events: list[Event] = []
    for value in ("one", "two"):
        order = await open_order(journal)
        await publish_values(journal, order.id, provider, value)
        await journal.close_order(order.id, error="cut off")
    assert await journal.certificates_to_clean() == ["example.com"]
    await remove_leftovers(journal, "example.com", providing(provider), events.append)
    assert provider.records == set()
    assert await journal.certificates_to_clean() == []
    assert [type(event) for event in events] == [RecordRemoved, RecordRemoved]


def answering(
    journal: Journal, order: JournaledOrder, responders: Mapping[str, HttpResponder]
) -> Prepared:
    """Return the answers to challenges, given as responders by token."""
    tasks = [
        ChallengeTask(
            Identifier.parse("example.com"), HttpMethod(responder), None, token, f"{token}.print"
        )
        for token, responder in responders.items()
    ]
    ledger, nobody = OrderLedger(journal, order.id), cast("Any", None)
    return SOLVERS["http-01"].prepare(tasks, Scope(ledger, nobody, print))


async def test_files_are_journaled_before_they_are_written(
    journal: Journal, tmp_path: Path
) -> None:
    order = await open_order(journal)
    in_the_way = tmp_path / ".well-known/acme-challenge/.one.new"
    in_the_way.mkdir(parents=True)
    with pytest.raises(HttpResponderError):
        await answering(journal, order, {"one": Webroot(tmp_path)}).publish()
    (file,) = await journal.files(order.id)
    assert file.leftover == Leftover(tmp_path, "one", 0)
    assert await journal.certificates_to_clean() == ["example.com"]


async def test_a_folder_that_is_not_there_leaves_nothing_in_the_journal(
    journal: Journal, tmp_path: Path
) -> None:
    order = await open_order(journal)
    responders = {"one": Webroot(tmp_path), "two": Webroot(tmp_path / "missing")}
    with pytest.raises(InvalidInputError):
        await answering(journal, order, responders).publish()
    assert await journal.certificates_to_clean() == []
    assert list(tmp_path.glob(".well-known")) == []


async def test_files_of_every_order_are_removed_with_the_folders_made_for_them(
    journal: Journal, tmp_path: Path
) -> None:
    """The second order finds the folders that the first one made and left in a crash."""
    webroot = tmp_path / "webroot"
    webroot.mkdir()
    events: list[Event] = []
    for token in ("one", "two"):
        order = await open_order(journal)
        await answering(journal, order, {token: Webroot(webroot)}).publish()
    for name in ("one", "two"):
        assert (webroot / ".well-known/acme-challenge" / name).read_text() == f"{name}.print"
    await remove_leftovers(journal, "example.com", nobody, events.append)
    assert list(webroot.iterdir()) == []
    assert await journal.certificates_to_clean() == []
    assert [type(event) for event in events] == [FileRemoved, FileRemoved]


async def nobody(_: PublishedRecord) -> list[Provider]:
    raise AssertionError("no value was published")


async def test_values_of_an_older_version_are_still_removed(tmp_path: Path) -> None:
    first, *_ = load_migrations("zoneproof.issuance")
    vault = open_vault(tmp_path)
    store = open_sqlite(tmp_path / "state.sqlite3", [first])
    order = await open_order(Journal(store, vault, at_work=lambda _: True))
    sealed = vault.seal(b'{"token": "x"}', "publications|1|fields")
    await store.write(
        lambda transaction: transaction.execute(
            "INSERT INTO publications VALUES"
            " ('1', ?, 'memory', ?, 'example.com', '', 'a', 'v', 60)",
            (order.id, sealed),
        )
    )
    await store.close()
    store = open_sqlite(tmp_path / "state.sqlite3", load_migrations("zoneproof.issuance"))
    (found,) = await Journal(store, vault, at_work=lambda _: True).publications(order.id)
    assert (found.value, found.credential, found.fields) == ("v", "", {"token": "x"})
    await store.close()


async def test_nothing_listens_on_where_the_journal_cannot_be_read(journal: Journal) -> None:
    order, port = await open_order(journal), free_port()
    prepared = answering(journal, order, {"one": Listeners().listener(["127.0.0.1"], port)})
    await prepared.publish()
    nobody, events = cast("Any", None), list[Event]()
    validation = Validation(nobody, nobody)
    validation._passing.append(prepared)
    run = OrderRun(nobody, journal, nobody, nobody, events.append)
    await journal.store.close()
    request = OrderRequest("example.com", Plan(()))
    await run._clean_up(request, validation, OrderLedger(journal, order.id))
    assert [type(event) for event in events] == [Warned]
    await Listeners().listener(["127.0.0.1"], port).check()
