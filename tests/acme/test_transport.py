"""A CA that is down, busy, broken or hostile: what is tried again, and what people are told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from msgspec.structs import replace

from tests.acme.fake_ca import Clock, FakeCa, problem
from tests.support.self_signed import certificate
from zoneproof.acme import AccountKey, AcmeClient, SharedCall
from zoneproof.acme.transport import MAX_BODY
from zoneproof.core.errors import (
    AccountPausedError,
    AcmeConnectionError,
    AcmeError,
    ConfigError,
    InvalidInputError,
    RateLimitedError,
)
from zoneproof.core.http import ATTEMPTS
from zoneproof.core.names import Identifier
from zoneproof.testing.ports import free_port

NAMES = [Identifier("dns", "example.com")]
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org"


def html(status: int) -> httpx2.Response:
    return httpx2.Response(status, html="<html>\n<h1>It works!</h1></html>")


# --- down ------------------------------------------------------------------------------------


async def test_all_who_wait_for_the_directory_share_what_comes_of_it(ca: FakeCa) -> None:
    ca.misdeeds["/dir"] = [httpx2.ConnectError("Connection refused")] * ATTEMPTS
    async with ca.client() as client:
        asked = [client.directory() for _ in range(8)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert ca.count("/dir") == ATTEMPTS
        assert all(isinstance(one, AcmeConnectionError) for one in found)
        assert (await client.directory()).new_order  # for the CA is there again


async def test_who_asked_first_may_leave_and_the_others_have_the_directory(ca: FakeCa) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def late(_: httpx2.Request) -> httpx2.Response:
        entered.set()
        await go_on.wait()
        return httpx2.Response(200, json=ca.directory)

    ca.misdeeds["/dir"] = [late]
    async with ca.client() as client:
        first, second = (asyncio.create_task(client.directory()) for _ in range(2))
        await entered.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go_on.set()
        assert (await second).new_order
    assert ca.count("/dir") == 1


async def test_a_call_that_all_have_left_is_cancelled() -> None:
    ended = asyncio.Event()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    shared: SharedCall[None] = SharedCall()
    tasks = [asyncio.create_task(shared(never())) for _ in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert ended.is_set()


async def test_what_the_ca_says_about_coming_back_holds_for_all_requests(ca: FakeCa) -> None:
    asked, one_waits, both_wait = [], asyncio.Event(), asyncio.Barrier(2)

    class PatientClock(Clock):
        """Lets nobody come back before both wait."""

        async def sleep(self, seconds: float) -> None:
            asked.append((len(ca.requests), seconds))
            one_waits.set()
            await both_wait.wait()
            self.moment = begin + timedelta(seconds=seconds)

    ca.clock = PatientClock()
    begin = ca.clock.now()
    ca.misdeeds["/new-order"] = [problem("serverInternal", 503, headers={"Retry-After": "30"})]
    async with ca.client() as client:
        ca.take_account(client)
        order = asyncio.create_task(client.new_order(NAMES))
        await one_waits.wait()
        await asyncio.gather(order, client.account())
    assert asked == [(3, 30), (3, 30)]  # the directory, a nonce and the order


@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ConnectError("refused"),
        httpx2.ConnectTimeout("slow"),
        httpx2.ReadError("reset"),
        httpx2.RemoteProtocolError("closed"),
        httpx2.WriteError("broken pipe"),
        httpx2.Response(500),
        httpx2.Response(502, html="<h1>Bad gateway</h1>"),
        httpx2.Response(503),
        httpx2.Response(504),
    ],
)
async def test_trouble_that_passes_is_not_noticed(
    ca: FakeCa, failure: httpx2.Response | Exception
) -> None:
    ca.misdeeds["/dir"] = [failure, failure]
    ca.misdeeds["/nonce"] = [failure]
    ca.misdeeds["/new-order"] = [failure]
    async with ca.client() as client:
        ca.take_account(client)
        assert (await client.new_order(NAMES)).status == "pending"


async def test_refused_port_is_told_in_the_systems_words() -> None:
    async def no_sleep(seconds: float) -> None:
        return

    url = f"http://127.0.0.1:{free_port()}/dir"
    async with AcmeClient(url, AccountKey.generate(), allow_http=True, sleep=no_sleep) as client:
        with pytest.raises(AcmeConnectionError, match=r"the CA at 127\.0\.0\.1:\d+ cannot be"):
            await client.directory()


@pytest.fixture
async def rude_server() -> AsyncIterator[Callable[[bytes], str]]:
    """A server on loopback that says the given bytes to everybody, and hangs up."""
    words = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    def say(text: bytes) -> str:
        words[:] = text
        return f"http://127.0.0.1:{port}/dir"

    async with server:
        yield say


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
async def test_connection_that_breaks_is_an_error_in_one_line(
    rude_server: Callable[[bytes], str], words: bytes
) -> None:
    async def no_sleep(seconds: float) -> None:
        return

    url = rude_server(words)
    async with AcmeClient(url, AccountKey.generate(), allow_http=True, sleep=no_sleep) as client:
        with pytest.raises(AcmeConnectionError, match="was lost before it answered") as caught:
            await client.directory()
    assert caught.value.message.isprintable()
    assert caught.value.message.endswith("; try again later")


async def test_certificate_that_is_not_trusted_is_not_tried_twice(ca: FakeCa) -> None:
    error = httpx2.ConnectError("handshake")
    error.__cause__ = ssl.SSLCertVerificationError("certificate verify failed")
    error.__cause__.verify_message = "self-signed certificate"
    error.__cause__.verify_code = 18
    ca.misdeeds["/dir"] = [error]
    async with ca.client() as client:
        with pytest.raises(AcmeConnectionError, match=r"not trusted \(self-signed"):
            await client.directory()
    assert ca.count("/dir") == 1


@pytest.mark.parametrize("content", [None, "no PEM"])
def test_ca_bundle_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    bundle = tmp_path / "roots.pem"
    if content:
        bundle.write_text(content)
    with pytest.raises(ConfigError, match=r"roots\.pem cannot be used"):
        AcmeClient("https://ca.test/dir", AccountKey.generate(), ca_bundle=bundle)


# --- busy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [503, 429, 500])
@pytest.mark.parametrize("retry_after", ["7", "Sat, 01 Aug 2026 12:00:07 GMT"])
async def test_retry_after_is_the_earliest_moment_of_the_next_attempt(
    ca: FakeCa, status: int, retry_after: str
) -> None:
    ca.misdeeds["/dir"] = [httpx2.Response(status, headers={"Retry-After": retry_after})]
    async with ca.client() as client:
        await client.directory()
    assert ca.clock.slept == [7.0]


async def test_long_retry_after_is_told_instead_of_waited_for(ca: FakeCa) -> None:
    ca.misdeeds["/new-order"] = [
        problem("rateLimited", 429, "too many orders", headers={"Retry-After": "3600"})
    ]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(RateLimitedError) as caught:
            await client.new_order(NAMES)
    assert caught.value.message == (
        "the CA at ca.test limits requests: too many orders (rateLimited);"
        " try again after 2026-08-01 13:00:00 UTC"
    )
    assert caught.value.retry_at == ca.clock.now() + timedelta(hours=1)
    assert ca.clock.slept == []


async def test_limit_without_retry_after_is_not_tried_again(ca: FakeCa) -> None:
    ca.misdeeds["/new-order"] = [problem("rateLimited", 429, "slow down")]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(RateLimitedError) as caught:
            await client.new_order(NAMES)
    assert caught.value.message.endswith("slow down (rateLimited); try again later")
    assert caught.value.retry_at is None
    assert ca.count("/new-order") == 1


PAUSED = (
    "Your account is temporarily prevented from requesting certificates for example.com and"
    " possibly others. Please visit: https://portal.letsencrypt.org/sfe/v1/unpause?jwt=abc.def"
)


async def test_lets_encrypts_limit_without_retry_after_is_a_pause_of_the_account() -> None:
    """The form is Boulder's: wfe2 answers a new order for paused names with probs.Paused."""
    ca = FakeCa(LETS_ENCRYPT)
    ca.misdeeds["/new-order"] = [problem("rateLimited", 429, PAUSED)]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(AccountPausedError) as caught:
            await client.new_order(NAMES)
    assert caught.value.url == "https://portal.letsencrypt.org/sfe/v1/unpause?jwt=abc.def"
    assert caught.value.url in caught.value.message
    assert ca.count("/new-order") == 1


@pytest.mark.parametrize(
    "answer",
    [
        problem("rateLimited", 429, PAUSED, headers={"Retry-After": "3600"}),
        problem("rateLimited", 503, PAUSED, headers={"Retry-After": "3600"}),
    ],
)
async def test_pause_is_told_by_type_and_header_and_never_by_text(answer: httpx2.Response) -> None:
    ca = FakeCa(LETS_ENCRYPT)
    ca.misdeeds["/new-order"] = [answer]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(RateLimitedError):
            await client.new_order(NAMES)


# --- not ACME --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (html(404), r"answered with HTML instead of ACME \(HTTP 404\)"),
        (httpx2.Response(403, text="go away"), "answered with text/plain instead of ACME"),
        (httpx2.Response(400, json=["no", "problem"]), "instead of ACME"),
        (httpx2.Response(404), r"refused: HTTP 404 Not Found$"),
        (httpx2.Response(400, json={"title": "Oops"}), "refused: Oops$"),
        (httpx2.Response(799), "HTTP 799"),
        (httpx2.Response(301, headers={"Location": "https://x.test/"}), "redirects to https://x"),
        (httpx2.Response(302, headers={"Location": "https://0XN--/"}), "redirects to https://0XN"),
        (html(200), "sent a directory that cannot be read"),
        (httpx2.Response(200, content=b"{"), "sent a directory that cannot be read"),
        (httpx2.Response(200, content=b"x" * (MAX_BODY + 1)), "larger than 1 MiB"),
        (
            httpx2.Response(200, headers={"Content-Encoding": "bomb"}, content=b""),
            "compressed",
        ),
    ],
)
async def test_answer_that_is_not_acme_is_told_in_one_line_and_not_tried_again(
    ca: FakeCa, answer: httpx2.Response, told: str
) -> None:
    ca.misdeeds["/dir"] = [answer]
    async with ca.client() as client:
        with pytest.raises(AcmeError, match=told) as caught:
            await client.directory()
    assert caught.value.message.isprintable()
    assert "ca.test" in caught.value.message
    assert ca.count("/dir") == 1


@pytest.mark.parametrize(
    ("status", "headers", "advice"),
    [
        (502, {}, r"\(HTTP 502\); try again later"),
        (503, {"Retry-After": "3600"}, r"\(HTTP 503\); try again after 2026-08-01 13:00:00 UTC"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<h1>Sorry</h1>"])
async def test_trouble_that_does_not_pass_is_not_blamed_on_the_directory(
    ca: FakeCa, status: int, headers: dict[str, str], advice: str, body: bytes
) -> None:
    if body:
        headers = {**headers, "Content-Type": "text/html"}
    else:
        advice = advice.replace(r"\(", "").replace(r"\)", ".*")
    ca.misdeeds["/dir"] = [httpx2.Response(status, headers=headers, content=body)] * ATTEMPTS
    async with ca.client() as client:
        with pytest.raises(AcmeError, match=advice):
            await client.directory()


async def test_redirects_are_not_followed(ca: FakeCa) -> None:
    ca.misdeeds["/dir"] = [httpx2.Response(302, headers={"Location": "https://evil.test/"})]
    async with ca.client() as client:
        with pytest.raises(AcmeConnectionError, match="redirects"):
            await client.directory()
    assert ca.hosts == {"ca.test"}


async def test_directory_is_fetched_once_by_many_and_again_after_a_failure(ca: FakeCa) -> None:
    ca.misdeeds["/dir"] = [html(404)]
    async with ca.client() as client:
        with pytest.raises(AcmeConnectionError):
            await client.directory()
        await asyncio.gather(*(client.directory() for _ in range(10)))
    assert ca.count("/dir") == 2


@pytest.mark.parametrize("url", ["http://ca.test/dir", "ca.test", "http://127.0.0.1/dir"])
def test_directory_that_is_not_https_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidInputError, match=r"https://|not a URL"):
        AcmeClient(url, AccountKey.generate())


@pytest.mark.parametrize("step", ["authorizations", "finalize", "certificate"])
async def test_http_url_in_an_order_is_not_opened(ca: FakeCa, step: str) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        order = replace(
            await client.new_order(NAMES),
            status="ready",
            authorizations=("http://ca.test/authz/0",),
            finalize="http://ca.test/finalize",
            certificate="http://ca.test/cert",
        )
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "authorizations": lambda: client.authorizations(order),
            "finalize": lambda: client.finalize(order, b""),
            "certificate": lambda: client.certificate(order),
        }
        with pytest.raises(AcmeConnectionError, match="does not start with https://"):
            await steps[step]()
    assert ca.requests[-1] == ("POST", "/new-order")


async def test_no_more_requests_run_at_once_than_allowed(ca: FakeCa) -> None:
    running = 0
    most = 0

    async def count(request: httpx2.Request) -> httpx2.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return ca._reply(request, request.url.path)

    names = [Identifier("dns", f"n{i}.example.com") for i in range(20)]
    async with ca.client(concurrency=4) as client:
        ca.take_account(client)
        order = await client.new_order(names)
        for i in range(20):
            ca.misdeeds[f"/authz/{i}"] = [count]
        authorizations = await client.authorizations(order)
    assert [one.identifier for one in authorizations] == names
    assert most == 4
    assert ca.count("/nonce") == 4


@pytest.mark.parametrize("days", [-3, 3])
async def test_a_tls_certificate_of_another_time_is_told_with_this_machine_s_clock(
    tmp_path: Path, days: int
) -> None:
    bundle, context = certificate(tmp_path, days=days)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    url = f"https://127.0.0.1:{port}/dir"
    async with server, AcmeClient(url, AccountKey.generate(), ca_bundle=bundle) as client:
        with pytest.raises(AcmeConnectionError, match=r"is it \d{4}-\d\d-\d\d .*set this machine"):
            await client.directory()
