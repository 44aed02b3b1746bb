"""Which connections are kept, by which proxy they lead, and why no reply came."""

from __future__ import annotations

import asyncio
import socket
import ssl

import httpcore2
import httpx2
import pytest

from tests.support.answering import answered_by
from tests.support.fake_http import Reply, fake_http_server
from zoneproof.core.connections import HttpConnections
from zoneproof.core.http import HttpClient, NoReplyError


def unknown_host() -> Exception:
    error = httpx2.ConnectError("no such host")
    error.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return error


def untrusted() -> Exception:
    error = httpx2.ConnectError("untrusted")
    error.__cause__ = ssl.SSLCertVerificationError("untrusted")
    error.__cause__.verify_code, error.__cause__.verify_message = 18, "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("failure", "seconds", "told"),
    [
        (httpx2.ConnectTimeout("slow"), 30, "no answer within 10 seconds"),
        (httpx2.ConnectTimeout("slow"), 5, "no answer within 5 seconds"),
        (httpx2.ReadTimeout("slow"), 30, "no answer within 30 seconds"),
        (unknown_host(), 30, "check the network, and the URL if it was typed"),
        (untrusted(), 30, "give that CA's PEM file as --ca-bundle"),
    ],
)
async def test_why_there_is_no_reply(failure: Exception, seconds: float, told: str) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        del request
        raise failure

    client = HttpClient(seconds=seconds, bundle_setting="--ca-bundle", connect=answered_by(fail))
    with pytest.raises(NoReplyError) as caught:
        await client.exchange("GET", "https://ca.test/")
    await client.close()
    assert told in caught.value.message


async def test_a_connection_is_kept_for_its_server_and_while_the_server_keeps_it() -> None:
    opened: list[int] = []

    def connect(origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        opened.append(origin.port)
        return httpcore2.AsyncHTTPConnection(origin, keepalive_expiry=60)

    client = HttpClient(seconds=10, connect=connect)
    async with (
        fake_http_server(lambda _: Reply()) as one,
        fake_http_server(lambda _: Reply(headers={"Connection": "close"})) as other,
    ):
        for _ in range(3):
            await client.exchange("GET", f"{one.url}/x")
        assert len(opened) == 1
        for _ in range(3):
            await client.exchange("GET", f"{other.url}/x")
            await client.exchange("GET", f"{one.url}/x")
        assert len(opened) == 1 + 3
        await one.hang_up()
        await client.exchange("GET", f"{one.url}/x")
        assert len(opened) == 1 + 3 + 1
        await client.close()


async def test_as_many_connections_as_may_run_at_once_are_kept() -> None:
    closed: list[int] = []

    class Connection(httpcore2.AsyncHTTPConnection):
        async def aclose(self) -> None:
            closed.append(self._origin.port)
            await super().aclose()

    client = HttpClient(seconds=10, connections=2, connect=Connection)
    async with (
        fake_http_server(lambda _: Reply()) as first,
        fake_http_server(lambda _: Reply()) as second,
        fake_http_server(lambda _: Reply()) as third,
    ):
        ports = [int(one.url.rpartition(":")[2]) for one in (first, second, third)]
        for one in (first, second, third):
            await client.exchange("GET", f"{one.url}/x")
        assert closed == ports[:1]
        await client.close()
    assert sorted(closed) == sorted(ports)


class Expired(httpcore2.AsyncConnectionInterface):
    """An idle connection that its server has ended; closing it takes a while."""

    def can_handle_request(self, origin: httpcore2.Origin) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def has_expired(self) -> bool:
        return True

    async def aclose(self) -> None:
        await asyncio.sleep(0)


async def test_expired_connections_are_closed_by_whoever_finds_them_first() -> None:
    connections = HttpConnections(None, 2.0, 50, lambda origin: Expired())
    origin = httpcore2.Origin(b"http", b"ca.example", 80)
    opened = [await connections.take(origin) for _ in range(20)]
    for connection in opened:
        await connections.give_back(connection)
    taken = await asyncio.gather(*[connections.take(origin) for _ in range(20)])
    assert len({*taken, *opened}) == 40


async def test_a_login_may_stand_in_the_url() -> None:
    async with fake_http_server(lambda _: Reply()) as server:
        client = HttpClient(seconds=10)
        await client.exchange("GET", server.url.replace("http://", "http://me:p%40ss@"))
        await client.close()
    assert [request.login for request in server.requests] == [("me", "p@ss")]


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Settings without a proxy, to put one in."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
async def test_the_proxy_of_the_environment_is_asked(
    proxies: pytest.MonkeyPatch, variable: str
) -> None:
    async with fake_http_server(lambda _: Reply(body=b"by proxy")) as proxy:
        proxies.setenv(variable, proxy.url.replace("http://", "http://me:p%40ss@"))
        client = HttpClient(seconds=10)
        for _ in range(2):
            reply = await client.exchange("GET", "http://service.test/x?y=z")
            assert reply.body == b"by proxy"
        await client.close()
        asked = [(request.path, request.headers["host"]) for request in proxy.requests]
        assert asked == [("http://service.test/x?y=z", "service.test")] * 2
        assert {one.headers["proxy-authorization"] for one in proxy.requests} == {
            "Basic bWU6cEBzcw=="
        }


async def test_a_server_that_needs_no_proxy_is_asked_itself(proxies: pytest.MonkeyPatch) -> None:
    proxies.setenv("http_proxy", "http://127.0.0.1:1")
    proxies.setenv("no_proxy", "127.0.0.1")
    async with fake_http_server(lambda _: Reply(body=b"itself")) as server:
        client = HttpClient(seconds=10)
        assert (await client.exchange("GET", f"{server.url}/x")).body == b"itself"
        await client.close()


async def test_a_proxy_that_refuses_a_tunnel_is_told_and_nothing_was_sent(
    proxies: pytest.MonkeyPatch,
) -> None:
    asked = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).splitlines()[0])
        writer.write(b"HTTP/1.1 403 Not For You\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        proxies.setenv("https_proxy", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        client = HttpClient(seconds=10, tls=ssl.create_default_context())
        with pytest.raises(NoReplyError, match="403 Not For You") as caught:
            await client.exchange("GET", "https://service.test/x")
        await client.close()
    assert asked == [b"CONNECT service.test:443 HTTP/1.1"]
    assert caught.value.unsent


async def test_a_proxy_of_another_kind_is_told(proxies: pytest.MonkeyPatch) -> None:
    proxies.setenv("all_proxy", "socks5://me:s3cret@127.0.0.1:1")
    client = HttpClient(seconds=10)
    with pytest.raises(NoReplyError, match="has socks5:// instead of http://") as caught:
        await client.exchange("GET", "http://service.test/x")
    assert caught.value.unsent
    await client.close()


@pytest.mark.parametrize("url", ["ftp://service.test/x", "service.test/x", "http:///x", "http://"])
async def test_what_is_no_url_of_a_server_is_told(url: str) -> None:
    client = HttpClient(seconds=10)
    with pytest.raises(NoReplyError):
        await client.exchange("GET", url)
    await client.close()
