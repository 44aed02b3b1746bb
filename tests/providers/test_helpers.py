"""Rules of the providers' helpers: server URLs, TXT strings, repeated words, locks."""

from __future__ import annotations

import asyncio
import gc
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.harness import check_message
from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import DomainName
from zoneproof.core.text import sanitize
from zoneproof.providers import Zone
from zoneproof.providers.contract import split_txt
from zoneproof.providers.server_url import ServerUrl, mask_url

# No key is by chance a word of a host's name or of a repr.
keys = st.text(string.ascii_letters + string.digits + "-_./@:+=% é", min_size=5, max_size=40).map(
    lambda text: f"Zq7{text}"
)
hosts = st.sampled_from(
    ["auth.example.org", "localhost", "127.0.0.1", "[::1]", "auth.example:8443"]
)
prefixes = st.sampled_from(["", "/", "/dns", "/dns/acme/"])


@given(st.sampled_from(["http", "https"]), keys, keys, keys, hosts, prefixes)
def test_no_key_of_a_server_url_is_shown(
    scheme: str, user: str, password: str, key: str, host: str, prefix: str
) -> None:
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    path = f"{prefix.rstrip('/')}/k/{quote(key, safe='')}/"
    text = f"{scheme}://{login}@{host}{path}"
    url = ServerUrl.parse(text)
    assert (url.user, url.password) == (user, password)
    assert url.base == f"{scheme}://{host}{path}".rstrip("/")
    assert url.identity == f"{scheme}://{host}{prefix}".rstrip("/")
    for secret in (user, password, key, quote(key, safe="")):
        assert secret not in url.shown + url.identity + repr(url) + mask_url(text)
    assert {password, key} <= set(url.secrets)


@pytest.mark.parametrize("call", ["register", "update", "health"])
def test_the_url_of_a_call_is_refused_and_what_to_omit_is_said(call: str) -> None:
    with pytest.raises(InvalidInputError, match=f"omit '/{call}' at its end"):
        ServerUrl.parse(f"https://auth.example.org/k/s3cret/{call}/")


@given(keys, st.text(max_size=30))
def test_a_url_that_cannot_be_used_is_not_repeated(key: str, rest: str) -> None:
    try:
        ServerUrl.parse(f"https://{key}@{rest}")
    except InvalidInputError as error:
        check_message(error, [key])


@given(st.text())
def test_any_text_is_a_url_or_an_error_of_ours(text: str) -> None:
    try:
        url = ServerUrl.parse(text)
    except InvalidInputError as error:
        check_message(error, [])
    else:
        assert ServerUrl.parse(url.base).base == url.base


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("https://Auth.Example.ORG", "https://auth.example.org/"),
        ("https://auth.example.org:443", "https://auth.example.org"),
        ("http://auth.example.org:80/x/", "http://auth.example.org/x"),
        ("https://u:p@auth.example.org", "https://auth.example.org"),
        ("https://auth.example.org/k/1", "https://auth.example.org/k/2/"),
        ("HTTPS://[0:0::1]", "https://[::1]"),
        ("https://bücher.example", "https://xn--bcher-kva.example."),
    ],
)
def test_two_spellings_of_a_server_are_one(first: str, second: str) -> None:
    assert ServerUrl.parse(first).identity == ServerUrl.parse(second).identity


@given(st.text(max_size=1000))
def test_the_strings_of_a_value_are_full_and_give_it_back(value: str) -> None:
    strings = split_txt(value)
    assert b"".join(strings) == value.encode("utf-8")
    assert all(len(part) == 255 for part in strings[:-1])
    assert len(strings[-1]) <= 255
    assert len(strings) == 1 or strings[-1]


def test_a_value_beyond_all_measure_is_refused() -> None:
    assert len(split_txt("x" * 4096)) == 17
    with pytest.raises(InvalidInputError, match="4096"):
        split_txt("x" * 4097)


@given(st.one_of(st.text(), st.binary()), st.lists(st.text(min_size=1), max_size=3))
def test_repeated_words_are_one_bounded_printable_line(
    text: str | bytes, secrets: list[str]
) -> None:
    line = sanitize(text, secrets=secrets)
    assert line.isprintable()
    assert len(line) <= 200


@given(st.text(max_size=20), keys, st.text(max_size=20))
def test_a_secret_is_never_repeated(before: str, secret: str, after: str) -> None:
    assert secret not in sanitize(f"{before}{secret}{after}", secrets=[secret])


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("e", "the key e is wrong: key=e&user=me", "the key *** is wrong: key=***&user=me"),
        ("1234", "PIN 1234, call 12345 or x1234", "PIN ***, call 12345 or x1234"),
        ("ü", "für ü, %C3%BC and w7w=", "für ***, *** and ***"),
        ("-", "acme-dns - no", "acme-dns *** no"),
        ("12345", "x123456", "x***6"),
    ],
)
def test_a_short_secret_is_hidden_where_it_stands_alone(secret: str, text: str, shown: str) -> None:
    assert sanitize(text, secrets=[secret]) == shown


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07red",
        "\x1b]8;;https://x\x1b\\red",
        "\x1bMred",
        "re\x1b[Kd",
    ],
)
def test_terminal_sequences_go_as_a_whole(text: str) -> None:
    assert sanitize(text) == "red"


def test_direction_marks_and_line_ends_become_spaces() -> None:
    assert (
        sanitize("one\u202etwo\r\nthree\u2028four\x00five\u200bsix")
        == "one two three four five six"
    )


async def test_a_lock_is_held_for_its_key_only_and_then_forgotten() -> None:
    locks = KeyedLocks()
    async with locks("a"):
        assert locks("a").locked()
        assert not locks("b").locked()
        async with locks("b"):
            pass
    gc.collect()
    assert not locks._locks


async def test_those_who_wait_for_a_lock_come_one_after_the_other() -> None:
    locks, inside, most = KeyedLocks(), 0, 0

    async def enter() -> None:
        nonlocal inside, most
        async with locks("key"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(enter() for _ in range(20)))
    assert most == 1


def test_a_record_is_below_its_zone() -> None:
    zone = Zone(DomainName.parse("example.com"))
    assert zone.record("").text == "example.com"
    assert zone.record("_acme-challenge.www").text == "_acme-challenge.www.example.com"
