"""What an archive's document may hold: every part of it replaced by something else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.manager.full_home import SECRETS, fill
from zoneproof.errors import InvalidInputError
from zoneproof.manager import Home, open_manager
from zoneproof.manager.transfer.archive import decode
from zoneproof.manager.transfer.move import collect

WRONG: tuple[Any, ...] = (None, 5, -1.5, True, "", "x\u0000y", "../x", [], [1], {}, {"a": "b"})


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    home = tmp_path_factory.mktemp("archive") / "home"
    asyncio.run(fill(home))

    async def read() -> bytes:
        async with open_manager(Home(home)) as manager:
            collected = await collect(manager, with_certificates=True)
            return msgspec.json.encode(collected.archive)

    return asyncio.run(read())


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container within the value, with each of its keys."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


def test_each_part_that_is_wrong_is_refused_or_of_no_harm(document: bytes) -> None:
    content = json.loads(document)
    refusals = []
    for container, key in places(content):
        before = container[key]
        for wrong in WRONG:
            container[key] = wrong
            try:
                decode(json.dumps(content).encode(), "it")
            except InvalidInputError as error:
                refusals.append(error.message)
        container[key] = before
    assert len(refusals) > 500
    for message in refusals:
        assert message.startswith("it")
        assert "\n" not in message
        assert not any(secret in message for secret in (*SECRETS, "PRIVATE KEY"))
    assert decode(json.dumps(content).encode(), "it") == decode(document, "it")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'"text"', b"\xff"])
def test_what_is_no_document_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInputError, match="it holds what this Zoneproof does not know"):
        decode(text, "it")


def test_nothing_in_it_is_shown_by_its_representation(document: bytes) -> None:
    archive = decode(document, "it")
    shown = " ".join(map(repr, (archive, *archive.credentials, *archive.accounts)))
    assert not any(secret in shown for secret in (*SECRETS, "PRIVATE KEY"))
