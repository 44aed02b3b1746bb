"""What an archive's document may hold: every part of it replaced by something else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.support.full_home import SECRETS, fill
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager import Home, open_manager
from zoneproof.migration.archive import decode
from zoneproof.migration.move import collect

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


TRICKS = "x\x1b[31m\u202e\x9b\nforged"


@pytest.mark.parametrize(
    ("place", "wrong", "told"),
    [
        (("certificates", 0, "definition", "name"), "..", "not a valid certificate name"),
        (("certificates", 0, "definition", "name"), "a/b", "not a valid certificate name"),
        (("certificates", 0, "definition", "name"), "a" * 300, "not a valid certificate name"),
        (("certificates", 0, "definition", "name"), TRICKS, "not a valid certificate name"),
        (("credentials", 0, "dns"), {"propagation_timeout": -1}, "propagation_timeout"),
        (("credentials", 0, "dns"), {"resolvers": [TRICKS]}, "is not a DNS server"),
        (("accounts", 0, "name"), "../x", "not a valid account name"),
        (("accounts", 0, "name"), TRICKS, "not a valid account name"),
        (("accounts", 1, "directory_url"), "http://ca.example/", "does not start with https"),
        (("accounts", 1, "directory_url"), "file:///etc/passwd", "is not a URL"),
        (("accounts", 0, "account_url"), TRICKS, "is not a URL"),
        (("registrations", 0, "server"), TRICKS, "its server is not a URL"),
        (("registrations", 0, "fulldomain"), "*.example.net", "cannot be used"),
        (("registrations", 0, "username"), "a\r\nX-Api-Key: b", "cannot be used"),
        (("registrations", 0, "password"), "", "cannot be used"),
    ],
)
def test_what_could_do_harm_later_is_refused(
    document: bytes, place: tuple[Any, ...], wrong: object, told: str
) -> None:
    content = json.loads(document)
    *way, last = place
    container = content
    for key in way:
        container = container[key]
    container[last] = wrong
    with pytest.raises(InvalidInputError, match=f"{told}.*nothing was changed"):
        decode(json.dumps(content).encode(), "it")


@pytest.mark.parametrize("kind", ["certificates", "credentials", "accounts", "registrations"])
def test_what_is_there_twice_is_refused(document: bytes, kind: str) -> None:
    content = json.loads(document)
    content[kind].append(content[kind][0])
    with pytest.raises(InvalidInputError, match=f"there are 2 of this {kind[:-1]}"):
        decode(json.dumps(content).encode(), "it")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        bytes(100),
        b'{"certificates":' + b"[" * 200_000,
        b'{"unknown":' + b'{"a":' * 200_000,
        b'{"settings":"\xff"}',
        rb'{"settings":"\ud800"}',
        b'{"' + b"x" * 100_000 + b'":1}',
    ],
    ids=lambda raw: raw[:16],
)
def test_a_document_of_no_form_is_one_short_line(raw: bytes) -> None:
    with pytest.raises(InvalidInputError, match=r"^it holds something that this Zone") as caught:
        decode(raw, "it")
    assert len(caught.value.message) < 400


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
    with pytest.raises(
        InvalidInputError, match="it holds something that this Zoneproof does not know"
    ):
        decode(text, "it")


def test_nothing_in_it_is_shown_by_its_representation(document: bytes) -> None:
    archive = decode(document, "it")
    shown = " ".join(map(repr, (archive, *archive.credentials, *archive.accounts)))
    assert not any(secret in shown for secret in (*SECRETS, "PRIVATE KEY"))
