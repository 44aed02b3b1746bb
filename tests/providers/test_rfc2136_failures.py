"""What the RFC 2136 provider makes of bad settings, and of servers that answer badly or never."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Callable, Iterator
from typing import Any

import dns.message
import dns.rcode
import dns.tsig
import dns.update
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.fake_name_server import fake_name_server, response, unsigned
from tests.providers.harness import challenge_value, check_message, txt
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import Provider, ProviderContext, Zone, describe, open_provider

SECRET = "dmVyeS12ZXJ5LXNlY3JldA=="
KEY = dns.tsig.Key("the-key", SECRET, "hmac-sha256")
ZONE = Zone(DomainName.parse("example.com"))
SETTINGS = {"server": "127.0.0.1", "key_name": "the-key", "secret": SECRET}


class Waits:
    """A sleep that remembers for how long it was asked."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def provider_at(
    port: int, waits: Waits | None = None, timeout: float = 30.0, **changed: str
) -> Provider:
    fields = SETTINGS | {"port": str(port)} | changed
    context = ProviderContext(fields, timeout=timeout, sleep=waits or Waits())
    return open_provider("rfc2136", context)


async def failure(provider: Provider) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await provider.add(ZONE, [txt("_acme-challenge", challenge_value())])
    error = caught.value
    check_message(error, [SECRET, base64.b64decode(SECRET).decode()])
    assert "example.com" in error.message
    assert "127.0.0.1" in error.message or "localhost" in error.message
    return error


@pytest.mark.parametrize("make", [response, unsigned])
@pytest.mark.parametrize(
    ("rcode", "kind"),
    [
        ("REFUSED", ProviderPermissionError),
        ("NOTIMP", ProviderPermissionError),
        ("NOTAUTH", ProviderZoneError),
        ("NOTZONE", ProviderZoneError),
        ("NXDOMAIN", ProviderZoneError),
        ("YXRRSET", ProviderError),
        ("FORMERR", ProviderError),
        ("YXDOMAIN", ProviderError),
        ("SERVFAIL", ProviderUnavailableError),
    ],
)
async def test_each_rcode_is_its_own_error_signed_or_not(
    make: Any, rcode: str, kind: type[ProviderError]
) -> None:
    async with fake_name_server(make(dns.rcode.from_text(rcode)), KEY) as server:
        error = await failure(provider_at(server.port))
    assert type(error) is kind
    assert rcode in error.message
    assert error.changed_nothing is (rcode != "SERVFAIL")


@pytest.mark.parametrize(
    ("make", "key", "words"),
    [
        (unsigned, KEY, ["primary server", "TSIG key", "key_name", "algorithm"]),
        (unsigned, None, ["only signed updates", "set key_name and secret"]),
        (response, KEY, ["primary server"]),
    ],
    ids=["an unsigned answer", "an unsigned update", "a signed answer"],
)
async def test_notauth_says_what_it_can_mean(
    make: Any, key: dns.tsig.Key | None, words: list[str]
) -> None:
    async with fake_name_server(make(dns.rcode.NOTAUTH), key) as server:
        if key:
            provider = provider_at(server.port)
        else:
            provider = provider_at(server.port, key_name="", secret="")
        error = await failure(provider)
    assert all(word in error.message for word in words)
    assert ("key" in error.message) is (make is unsigned)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("code", "word"), [(16, "BADSIG"), (17, "BADKEY"), (18, "BADTIME"), (22, "BADTRUNC"), (21, "")]
)
async def test_each_tsig_error_is_told(code: int, word: str, transport: str) -> None:
    def answer(request: dns.message.Message) -> bytes:
        reply = dns.message.make_response(request)
        reply.set_rcode(dns.rcode.NOTAUTH)
        reply.use_tsig(KEY, tsig_error=code)
        return reply.to_wire()

    async with fake_name_server(answer, KEY) as server:
        error = await failure(provider_at(server.port, transport=transport))
    assert type(error) is ProviderCredentialsError
    assert word in error.message


async def test_success_without_a_signature_is_not_believed() -> None:
    async with fake_name_server(unsigned(dns.rcode.NOERROR), KEY) as server:
        error = await failure(provider_at(server.port))
    assert "not signed" in error.message


async def test_success_with_a_false_signature_is_not_believed() -> None:
    def answer(request: dns.message.Message) -> bytes:
        reply = bytearray(response(dns.rcode.NOERROR)(request) or b"")
        reply[-10] ^= 1  # within the MAC, which 6 bytes follow
        return bytes(reply)

    async with fake_name_server(answer, KEY) as server:
        error = await failure(provider_at(server.port))
    assert "signature" in error.message


async def test_an_answer_signed_with_another_key_is_not_believed() -> None:
    def answer(request: dns.message.Message) -> bytes:
        reply = dns.message.make_response(request)
        reply.use_tsig(dns.tsig.Key("another-key", SECRET, "hmac-sha256"))
        return reply.to_wire()

    async with fake_name_server(answer, KEY) as server:
        assert "another key" in (await failure(provider_at(server.port))).message


async def test_a_signed_answer_to_an_unsigned_update_is_an_error() -> None:
    def answer(request: dns.message.Message) -> bytes:
        reply = dns.message.make_response(request)
        reply.use_tsig(KEY)
        return reply.to_wire()

    async with fake_name_server(answer) as server:
        error = await failure(provider_at(server.port, key_name="", secret=""))
    assert "key_name" in error.message


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_what_had_no_answer_is_sent_again_because_it_changes_nothing_twice(
    transport: str,
) -> None:
    silent = [True, True]

    def answer(request: dns.message.Message) -> bytes | None:
        return None if silent and silent.pop() else response(dns.rcode.NOERROR)(request)

    waits = Waits()
    async with fake_name_server(answer, KEY) as server:
        provider = provider_at(server.port, waits, 1.5, transport=transport)
        await provider.add(ZONE, [txt("_acme-challenge", challenge_value())])
        assert server.received == 3
    assert waits.seconds == sorted(waits.seconds)
    assert len(waits.seconds) == 2


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_silence_is_given_up_after_three_attempts(transport: str) -> None:
    async with fake_name_server(lambda _: None, KEY) as server:
        error = await failure(provider_at(server.port, timeout=0.3, transport=transport))
        assert server.received == 3
    assert type(error) is ProviderUnavailableError
    assert "no answer" in error.message
    assert not error.changed_nothing


async def test_a_refusal_after_silence_does_not_say_that_nothing_was_written() -> None:
    silent = [True]

    def answer(request: dns.message.Message) -> bytes | None:
        return None if silent and silent.pop() else response(dns.rcode.REFUSED)(request)

    async with fake_name_server(answer, KEY) as server:
        error = await failure(provider_at(server.port, timeout=1.5))
    assert type(error) is ProviderPermissionError
    assert not error.changed_nothing


async def test_a_server_that_recovers_from_servfail_is_used() -> None:
    answers = [response(dns.rcode.NOERROR), response(dns.rcode.SERVFAIL)]
    async with fake_name_server(lambda request: answers.pop()(request), KEY) as server:
        await provider_at(server.port).remove(ZONE, [txt("a", challenge_value())])
        assert server.received == 2


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_closed_port_is_told_as_refused(transport: str, closed_port: int) -> None:
    error = await failure(provider_at(closed_port, transport=transport))
    assert type(error) is ProviderUnavailableError
    assert "refused" in error.message
    assert error.changed_nothing


async def test_a_connection_closed_without_an_answer_is_told(closed_port: int) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", closed_port)
    async with server:
        assert type(await failure(provider_at(closed_port))) is ProviderUnavailableError


async def test_a_server_name_without_an_address_is_told() -> None:
    provider = provider_at(53, server="localhost.invalid")
    error = await failure(provider)
    assert type(error) is ProviderUnavailableError
    assert "no address" in error.message
    assert error.changed_nothing


async def test_datagrams_of_others_are_ignored() -> None:
    def answer(request: dns.message.Message) -> bytes:
        return b"junk" + bytes(20)

    async with fake_name_server(answer, KEY) as server:
        error = await failure(provider_at(server.port, timeout=0.3, transport="udp"))
    assert "no answer" in error.message


async def test_an_update_too_large_for_a_datagram_goes_over_tcp() -> None:
    async with fake_name_server(response(dns.rcode.NOERROR), KEY) as server:
        await provider_at(server.port, transport="udp").add(ZONE, [txt("a", "x" * 600)])
        assert server.most_at_once == 1


async def test_a_hundred_updates_use_at_most_ten_connections() -> None:
    async with fake_name_server(response(dns.rcode.NOERROR), KEY) as server:
        provider = provider_at(server.port)
        await asyncio.gather(
            *(provider.add(ZONE, [txt(f"n{number}", "value")]) for number in range(100))
        )
        assert server.received == 100
        assert server.most_at_once <= 10


@pytest.mark.parametrize(
    ("transport", "count", "messages", "longest"),
    [("tcp", 100, 1, 16384), ("tcp", 1000, 8, 16384), ("udp", 1, 1, 512), ("udp", 16, 4, 512)],
)
async def test_a_batch_is_one_message_or_several_that_are_short_enough(
    transport: str, count: int, messages: int, longest: int
) -> None:
    sizes, records = [], [txt(f"_acme-challenge.n{n}", challenge_value()) for n in range(count)]
    written: set[str] = set()

    def answer(request: dns.message.Message) -> bytes | None:
        sizes.append(len(request.to_wire()))
        assert isinstance(request, dns.update.UpdateMessage)
        written.update(str(rrset.name) for rrset in request.update)
        return response(dns.rcode.NOERROR)(request)

    async with fake_name_server(answer, KEY) as server:
        await provider_at(server.port, transport=transport).add(ZONE, records)
        assert server.received == messages
    assert max(sizes) <= longest
    assert written == {f"{record.name}.example.com." for record in records}


def badkey(request: dns.message.Message) -> bytes:
    reply = dns.message.make_response(request)
    reply.set_rcode(dns.rcode.NOTAUTH)
    reply.use_tsig(KEY, tsig_error=dns.rcode.BADKEY)
    return reply.to_wire()


@pytest.mark.parametrize(
    ("refuse", "kind"),
    [
        (response(dns.rcode.REFUSED), ProviderPermissionError),
        (badkey, ProviderCredentialsError),  # as Knot does
        (response(dns.rcode.YXRRSET), ProviderError),
    ],
)
async def test_a_refused_batch_is_sent_one_by_one_to_tell_for_which_name_it_is(
    refuse: Callable[[dns.message.Message], bytes | None], kind: type[ProviderError]
) -> None:
    def answer(request: dns.message.Message) -> bytes | None:
        assert isinstance(request, dns.update.UpdateMessage)
        bad = any(rrset.name.labels[0] == b"bad" for rrset in request.update)
        return refuse(request) if bad else response(dns.rcode.NOERROR)(request)

    records = [txt(name, challenge_value()) for name in ("a", "bad", "b")]
    async with fake_name_server(answer, KEY) as server:
        with pytest.raises(kind, match=r"name bad\.example\.com: ") as caught:
            await provider_at(server.port).add(ZONE, records)
        assert server.received == 4
    assert not caught.value.changed_nothing
    assert [caught.value.of(record) is None for record in records] == [True, False, True]


@pytest.mark.parametrize("rcode", ["SERVFAIL", "NOTAUTH"])
async def test_what_has_nothing_to_do_with_one_name_is_not_sent_one_by_one(rcode: str) -> None:
    async with fake_name_server(response(dns.rcode.from_text(rcode)), KEY) as server:
        with pytest.raises(ProviderError, match=r"name a\.example\.com and 2 more: "):
            await provider_at(server.port).add(ZONE, [txt(name, "v") for name in "abc"])
        assert server.received == (3 if rcode == "SERVFAIL" else 1)


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_for_an_answer_are_an_error_of_ours(junk: bytes, with_id: bool) -> None:
    async def run() -> None:
        def answer(request: dns.message.Message) -> bytes:
            return (request.id.to_bytes(2, "big") + b"\xa8" if with_id else b"") + junk

        async with fake_name_server(answer, KEY) as server:
            await failure(provider_at(server.port))

    asyncio.run(run())


@pytest.fixture
def closed_port() -> Iterator[int]:
    # Bound and not listening: nobody else gets the port, and it refuses connections.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind(("127.0.0.1", 0))
        yield tcp.getsockname()[1]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"server": "two words"}, "server"),
        ({"server": "ns1.example.com:53"}, "port"),
        ({"server": "999.1.1.1"}, "server"),
        ({"server": "*.example.com"}, "server"),
        ({"server": "."}, "server"),
        ({"port": "dns"}, "port"),
        ({"port": "0"}, "port"),
        ({"port": "65536"}, "port"),
        ({"port": "٥٣"}, "port"),
        ({"port": "-1"}, "port"),
        ({"secret": ""}, "secret"),
        ({"key_name": ""}, "key_name"),
        ({"key_name": "a..b"}, "key_name"),
        ({"key_name": "x" * 70}, "key_name"),
        ({"secret": "!!" + SECRET}, "base64"),
        ({"secret": SECRET[:-1]}, "base64"),
        ({"secret": "gehe im"}, "base64"),
        ({"algorithm": "hmac-sha3"}, "hmac-sha256"),
        ({"transport": "carrier pigeon"}, "udp"),
        ({"colour": "green"}, "colour"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_name(
    changed: dict[str, str], word: str
) -> None:
    fields = SETTINGS | changed
    with pytest.raises(InvalidInputError, match=word) as caught:
        open_provider("rfc2136", ProviderContext(fields))
    check_message(caught.value, [fields["secret"] or SECRET, SECRET])


@pytest.mark.parametrize("server", ["[::1]", "::1", "192.0.2.1", "NS1.Example.COM.", "localhost"])
def test_usual_spellings_of_a_server_are_understood(server: str) -> None:
    open_provider("rfc2136", ProviderContext(SETTINGS | {"server": server}))


def test_a_secret_with_line_breaks_is_understood() -> None:
    open_provider("rfc2136", ProviderContext(SETTINGS | {"secret": f" {SECRET[:8]}\n{SECRET[8:]}"}))


def test_nothing_of_the_provider_shows_the_secret() -> None:
    context = ProviderContext(SETTINGS)
    provider = open_provider("rfc2136", context)
    assert SECRET not in repr(provider) + repr(context)
    assert [field.name for field in describe("rfc2136").fields if field.secret] == ["secret"]
