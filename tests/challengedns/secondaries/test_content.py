"""What secondaries are given differs from what they had exactly by what has changed."""

from __future__ import annotations

import random
import uuid
from pathlib import Path

import pytest

from tests.support.challenge_service import open_for, txt, write_config
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.nodes.replica import Change, Replica
from zoneproof.challengedns.secondaries import content as content_module
from zoneproof.challengedns.secondaries.content import Content, generation_of
from zoneproof.challengedns.store.reader import Reader


@pytest.mark.parametrize(
    ("serial", "generation", "found"),
    [
        (10, 10, 10),
        (7, 10, 7),
        (12, 10, 12),
        (0xFFFFFFFF, 0x100000001, 0xFFFFFFFF),
        (3, 0xFFFFFFFE, 0x100000003),
    ],
)
def test_a_serial_is_the_nearest_generation(serial: int, generation: int, found: int) -> None:
    assert generation_of(serial, generation) == found


async def test_differences_from_any_generation_lead_to_what_is_there_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_module, "KEPT", 60)
    config = load_config(write_config(tmp_path))
    registrations = open_for(config)
    made = [await registrations.register() for _ in range(5)]
    content = Content(Reader(config.database))
    content.catch_up()
    choose = random.Random(5)
    known = [content.snapshot()]
    unknown = 0
    for _ in range(300):
        one = choose.choice(made).subdomain
        if choose.random() < 0.6:
            await registrations.publish(one, txt(choose.choice("abc")))
        else:
            await registrations.withdraw(one, txt(choose.choice("abc")))
        if choose.random() < 0.5:
            content.catch_up()
            known.append(content.snapshot())
    content.catch_up()
    now = content.snapshot()
    for before in known:
        differences = content.since(before.generation)
        if differences is None:
            unknown += 1
            continue
        values = {name: set(texts) for name, texts in before.values.items()}
        for name, texts in differences.removed.items():
            assert set(texts) <= values[name]
            values[name] -= set(texts)
        for name, texts in differences.added.items():
            assert not set(texts) & values.setdefault(name, set())
            values[name] |= set(texts)
        assert {name: texts for name, texts in values.items() if texts} == {
            name: set(texts) for name, texts in now.values.items()
        }
    assert 0 < unknown < len(known)  # what is too old is not known any more
    assert content.since(now.generation + 1) is None
    await registrations.close()


async def test_between_two_looks_only_what_is_certain_is_told(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path))
    registrations = open_for(config)
    one, other = [(await registrations.register()).subdomain for _ in range(2)]
    content = Content(Reader(config.database))
    content.catch_up()
    start = content.generation
    await registrations.publish(one, txt("a"))  # start + 1
    await registrations.publish(other, txt("b"))  # start + 2
    await registrations.publish(other, txt("c"))  # start + 3
    content.catch_up()
    after_one = content.since(start + 1)
    assert after_one is not None
    assert after_one.added == {other: (txt("b"), txt("c"))}
    assert content.since(start + 2) is None  # was it b, or c?
    at_end = content.since(start + 3)
    assert at_end is not None
    assert len(at_end) == 0
    await registrations.close()


async def test_an_older_state_that_takes_the_place_of_a_newer_one_is_all_there_is(
    tmp_path: Path,
) -> None:
    replica = Replica(tmp_path / "replica.db")
    one, other = (str(uuid.UUID(int=number)) for number in (1, 2))
    far = 2**40
    replica.replace(Change(100, 0.1, one), [(one, 0)], [(one, txt("a"), far, 100)])
    content = Content(Reader(replica.path))
    content.catch_up()
    assert (content.generation, content.newest) == (100, 100)
    replica.replace(Change(90, 0.2, other), [(other, 0)], [(other, txt("b"), far, 90)])
    content.catch_up()
    assert (content.generation, content.newest, content.floor) == (90, 90, 90)
    assert content.snapshot().values == {other: (txt("b"),)}
    await replica.close()
