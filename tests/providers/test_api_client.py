"""The HTTP client of the providers: deadlines, sizes, retries, Retry-After, TLS and secrets."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from email.utils import format_datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.providers.harness import check_message
from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from tests.support.self_signed import certificate
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderQuotaError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.providers import ProviderContext
from zoneproof.providers.api_client import ApiAnswer, ApiClient
from zoneproof.providers.api_request import Body
from zoneproof.providers.refusals import Refusal, Refusals

WHERE = "example provider, zone example.com"
SECRET = "s3cr3t/with+odd=characters"


REFUSALS: Refusals = {
    401: Refusal(ProviderCredentialsError, "it does not accept the key", "check the field token"),
    403: Refusal(ProviderPermissionError, "the key may not change this zone"),
    "no_such_zone": Refusal(ProviderZoneError, "it has no such zone"),
    "too_many_records": Refusal(ProviderQuotaError, "the zone is full"),
}


class Client:
    """An ApiClient that remembers its waits instead of waiting."""

    def __init__(self, url: str, timeout: float = 30.0, ca_bundle: str | None = None):
        self.waits: list[float] = []
        context = ProviderContext({}, timeout=timeout, sleep=self._sleep)
        self.api = ApiClient(context, secrets=[SECRET], auth=("user", SECRET), ca_bundle=ca_bundle)
        self._url = url

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def write(self, *, repeatable: bool = False, body: Body | None = None) -> ApiAnswer:
        return await self.api.send(
            "POST",
            f"{self._url}/records",
            where=WHERE,
            body=body,
            repeatable=repeatable,
            refusals=REFUSALS,
        )

    async def error(self, *, repeatable: bool = False) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await self.write(repeatable=repeatable)
        check_message(caught.value, [SECRET])
        assert caught.value.message.startswith(WHERE)
        return caught.value


@pytest.fixture
async def server() -> AsyncIterator[FakeHttpServer]:
    async with fake_http_server(lambda request: Reply(200, {"ok": True})) as running:
        yield running


@pytest.fixture
async def client(server: FakeHttpServer) -> AsyncIterator[Client]:
    made = Client(server.url)
    yield made
    await made.api.close()


def in_half_a_minute() -> str:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        (lambda: "7", 7, 7),
        (lambda: "0", 0, 0),
        (in_half_a_minute, 20, 30),
        (lambda: "Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        (lambda: "soon", 0.25, 0.5),
        (lambda: "-5", 0.25, 0.5),
        (lambda: "Fri, 31 Dec 9999 23:59:59 +99999999999", 0.25, 0.5),
        (lambda: "Mon, 01 Jan 99999999999 00:00:00 GMT", 0.25, 0.5),
        (lambda: "", 0.25, 0.5),
    ],
)
async def test_retry_after_is_obeyed_in_both_forms(
    server: FakeHttpServer,
    client: Client,
    status: int,
    header: Callable[[], str],
    low: float,
    high: float,
) -> None:
    server.faults.append(Reply(status, b"", {"Retry-After": header()}))
    await client.write()
    (wait,) = client.waits
    assert low <= wait <= high


@pytest.mark.parametrize("asked", ["61", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 -1200"])
async def test_a_wait_of_more_than_a_minute_is_an_error_at_once(
    server: FakeHttpServer, client: Client, asked: str
) -> None:
    server.faults.append(Reply(429, b"", {"Retry-After": asked}))
    error = await client.error()
    assert type(error) is ProviderQuotaError
    assert error.changed_nothing
    assert client.waits == []


async def test_retries_are_bounded_and_grow_apart(server: FakeHttpServer, client: Client) -> None:
    with server.failing(Reply(503, b"down")):
        error = await client.error()
    assert type(error) is ProviderUnavailableError
    assert error.changed_nothing
    assert len(server.requests) == 4
    assert len(client.waits) == 3
    assert client.waits[2] > client.waits[0]


@pytest.mark.parametrize("status", [500, 502, 504, 599])
async def test_a_write_is_repeated_after_an_unclear_error_only_if_that_changes_nothing(
    server: FakeHttpServer, client: Client, status: int
) -> None:
    server.faults.append(Reply(status))
    assert not (await client.error()).changed_nothing
    assert len(server.requests) == 1
    server.faults.append(Reply(status))
    await client.write(repeatable=True)
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", b"\0"])
async def test_a_broken_connection_is_told_or_repeated(
    server: FakeHttpServer, client: Client, fault: bytes
) -> None:
    server.faults.append(fault)
    error = await client.error()
    assert "not known" in error.message
    assert not error.changed_nothing
    server.faults.append(fault)
    await client.write(repeatable=True)


async def test_an_answer_without_end_is_cut(server: FakeHttpServer, client: Client) -> None:
    server.faults.append(Reply(200, b"x" * (4 * 1024 * 1024 + 1)))
    assert "larger than 4 MiB" in (await client.error()).message


@pytest.mark.parametrize(
    "raw",
    [
        *(
            b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status
            for status in (300, 302, 304, 399)
        ),
        *(
            b"HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
            for location in (
                b"https://\xff\xfe/",
                b"https://xn--\xc2\x80/",
                b"https://a..b/",
                b"https://[::1",
                b"https://a:99999999/",
                b"\x1b[31m",
                b"a" * 50_000,
            )
        ),
        b"HTTP/1.1 200 X\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
        b"HTTP/1.1 99999 X\r\n\r\n",
        b"\x1b[31m\n\xff" * 100,
    ],
    ids=range(16),
)
async def test_an_answer_that_is_no_http_or_leads_nowhere_is_one_line(
    server: FakeHttpServer, client: Client, raw: bytes
) -> None:
    server.faults.append(raw)
    message = (await client.error()).message
    assert message.isprintable()
    assert len(message) < 500


async def test_a_slow_answer_meets_the_deadline_of_the_whole_request() -> None:
    hung_up = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            writer.close()
            hung_up.set()

    dripping = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with dripping:
        client = Client(f"http://127.0.0.1:{dripping.sockets[0].getsockname()[1]}", timeout=0.3)
        error = await client.error()
        await client.api.close()
        await hung_up.wait()
    assert "within 0.3 seconds" in error.message


async def test_waiting_for_a_free_connection_does_not_count_as_silence(
    server: FakeHttpServer, client: Client
) -> None:
    answers = await asyncio.gather(*(client.write() for _ in range(100)))
    assert {answer.status for answer in answers} == {200}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    server: FakeHttpServer, client: Client, status: int
) -> None:
    server.faults.append(Reply(status, b"", {"Location": f"https://other/{SECRET}"}))
    error = await client.error()
    assert "https://other/***" in error.message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (
            Reply(401, {"error": f"bad {SECRET}"}),
            ProviderCredentialsError,
            "it does not accept the key, it says: bad ***; check the field token",
        ),
        (Reply(403), ProviderPermissionError, "may not change this zone, it says: nothing"),
        (Reply(404, {"error": "no_such_zone"}), ProviderZoneError, "it has no such zone"),
        (Reply(403, {"message": "too_many_records"}), ProviderQuotaError, "the zone is full"),
        (Reply(404, {"error": "not_found"}), ProviderError, "with status 404, it says: not_found"),
        (Reply(501, b"one day"), ProviderError, "with status 501, it says: one day"),
        (Reply(206, b"a part"), ProviderError, "with status 206, it says: a part"),
    ],
)
async def test_a_refusal_is_what_the_table_has_for_the_provider_s_word_or_the_status(
    server: FakeHttpServer, client: Client, reply: Reply, kind: type[ProviderError], words: str
) -> None:
    server.faults.append(reply)
    error = await client.error()
    assert type(error) is kind
    assert words in error.message
    assert error.changed_nothing is (reply.status >= 400)


@pytest.mark.parametrize(
    ("body", "content_type", "content"),
    [
        (Body.json({"größe": 1}), "application/json", '{"größe":1}'.encode()),
        (
            Body.form({"name": "_acme-challenge", "value": "a=b&c d"}),
            "application/x-www-form-urlencoded",
            b"name=_acme-challenge&value=a%3Db%26c+d",
        ),
        (
            Body.xml(ET.fromstring("<call><name>a &lt; ü</name></call>")),
            "text/xml; charset=utf-8",
            "<?xml version='1.0' encoding='utf-8'?>\n<call><name>a &lt; ü</name></call>".encode(),
        ),
        (Body(b"\0raw", "application/dns-message"), "application/dns-message", b"\0raw"),
        (None, None, b""),
    ],
    ids=["JSON", "form", "XML", "raw", "none"],
)
async def test_a_body_travels_in_its_own_form(
    server: FakeHttpServer,
    client: Client,
    body: Body | None,
    content_type: str | None,
    content: bytes,
) -> None:
    await client.write(body=body)
    (request,) = server.requests
    assert request.headers.get("content-type") == content_type
    assert request.body == content


@pytest.mark.parametrize(
    "body",
    [
        SECRET,
        {"error": SECRET},
        {"message": f"not {SECRET}\r\n\x1b[2J"},
        {"else": {"deep": SECRET}},
        "czNjcjN0L3dpdGgrb2RkPWNoYXJhY3RlcnM=",
        "s3cr3t%2Fwith%2Bodd%3Dcharacters",
        "s3c\x1b[0mr3t/with+odd=characters",
    ],
)
async def test_secrets_that_the_provider_repeats_are_hidden(
    server: FakeHttpServer, client: Client, body: object
) -> None:
    server.faults.append(Reply(500, body.encode() if isinstance(body, str) else body))
    error = await client.error()
    check_message(error, [SECRET, "czNjcjN0L3dpdGgrb2RkPWNoYXJhY3RlcnM", "s3cr3t%2Fwith"])


async def test_a_secret_learnt_later_is_hidden_too(server: FakeHttpServer, client: Client) -> None:
    client.api.hide("another-secret")
    server.faults.append(Reply(500, b"bad another-secret"))
    assert "another-secret" not in (await client.error()).message


async def test_a_certificate_is_verified_and_a_bundle_can_be_given(tmp_path: Path) -> None:
    bundle, context = certificate(tmp_path)
    async with fake_http_server(lambda request: Reply(200), context) as server:
        for none_yet, advice in (
            (None, "add that CA to those that this machine trusts"),
            ("", "give that CA's PEM file as ca_bundle"),
        ):
            stranger = Client(server.url, ca_bundle=none_yet)
            error = await stranger.error()
            assert "not trusted" in error.message
            assert f"if its CA is a private one, {advice}" in error.message
            assert stranger.waits == []
            await stranger.api.close()
        friend = Client(server.url, ca_bundle=str(bundle))
        assert (await friend.write()).status == 200
        await friend.api.close()


async def test_https_to_a_port_that_speaks_http_is_told(server: FakeHttpServer) -> None:
    client = Client(server.url.replace("http:", "https:"))
    assert "TLS" in (await client.error()).message
    await client.api.close()


def test_a_bundle_that_is_none_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (empty, tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidInputError, match=r"the CA bundle .* cannot be used"):
            Client("https://127.0.0.1", ca_bundle=str(path))
