"""The listener: what it answers, when it listens, and how it fails."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from typing import Any

import h11
import httpx2
import pytest

from zoneproof.challenges.listener import Listener, Listeners
from zoneproof.core.errors import AcmeConnectionError, HttpResponderError, InvalidInputError
from zoneproof.testing.ports import free_port

HOST = "127.0.0.1"
PATH = "/.well-known/acme-challenge/"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def listener(port: int) -> AsyncIterator[Listener]:
    found = Listeners().listener([HOST], port)
    await found.put("token", "token.thumbprint")
    yield found
    await found.close()


async def send(port: int, data: bytes, host: str = HOST) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(data)
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return reply


def is_open(port: int, host: str = HOST) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex((host, port)) == 0


@pytest.mark.usefixtures("listener")
async def test_a_live_token_is_answered(port: int) -> None:
    async with httpx2.AsyncClient() as client:
        reply = await client.get(f"http://{HOST}:{port}{PATH}token")
    assert (reply.status_code, reply.text) == (200, "token.thumbprint")
    assert reply.headers["content-type"] == "application/octet-stream"


@pytest.mark.usefixtures("listener")
async def test_head_has_no_body(port: int) -> None:
    async with httpx2.AsyncClient() as client:
        reply = await client.head(f"http://{HOST}:{port}{PATH}token")
    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["content-length"] == str(len("token.thumbprint"))


@pytest.mark.usefixtures("listener")
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", PATH),
        ("GET", f"{PATH}other"),
        ("GET", f"{PATH}token/"),
        ("GET", f"{PATH}token?x"),
        ("GET", f"{PATH}../acme-challenge/token"),
        ("GET", "/"),
        ("POST", f"{PATH}token"),
        ("DELETE", f"{PATH}token"),
    ],
)
async def test_everything_else_is_not_found(port: int, method: str, target: str) -> None:
    reply = await send(port, f"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 404 ")
    assert b"thumbprint" not in reply


@pytest.mark.usefixtures("listener")
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01 this is TLS\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),  # no Host
        (b"GET /" + b"a" * 20_000, b"431"),
    ],
)
async def test_what_is_no_request_is_refused(port: int, data: bytes, status: bytes) -> None:
    assert (await send(port, data)).startswith(b"HTTP/1.1 " + status)


@pytest.mark.usefixtures("listener")
async def test_a_client_that_leaves_disturbs_nobody(port: int) -> None:
    for _ in range(3):
        _, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /")
        writer.transport.abort()
    reply = await send(port, f"GET {PATH}token HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert b"thumbprint" in reply


@pytest.mark.usefixtures("listener")
async def test_silent_connections_keep_nobody_out(port: int) -> None:
    silent = [await asyncio.open_connection(HOST, port) for _ in range(300)]
    reply = await send(port, f"GET {PATH}token HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert b"thumbprint" in reply
    for _, writer in silent:
        writer.close()


async def test_it_listens_only_while_a_token_is_live(port: int) -> None:
    listener = Listeners().listener([HOST], port)
    await listener.check()
    assert not is_open(port)
    for _ in range(2):
        await listener.put("one", "text")
    await listener.put("two", "text")
    await listener.remove("one")
    assert is_open(port)
    for _ in range(2):
        await listener.remove("two")
    assert not is_open(port)


async def test_a_removed_token_is_no_longer_answered(listener: Listener, port: int) -> None:
    await listener.put("other", "text")
    await listener.remove("token")
    reply = await send(port, f"GET {PATH}token HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 404 ")


async def test_orders_in_one_process_share_a_port(port: int) -> None:
    listeners = Listeners()
    first, second = listeners.listener([HOST], port), listeners.listener([HOST], port)
    await asyncio.gather(first.put("one", "first"), second.put("two", "second"))
    await second.check()
    await first.close()
    reply = await send(port, f"GET {PATH}two HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert reply.endswith(b"second")
    await second.close()
    assert not is_open(port)


async def test_without_an_address_it_listens_on_ipv4_and_ipv6(port: int) -> None:
    listener = Listeners().listener(port=port)
    await listener.put("token", "text")
    assert str(port) in listener.where
    assert is_open(port)
    assert is_open(port, "::1")
    await listener.close()


async def test_it_can_listen_again(port: int) -> None:
    listener = Listeners().listener([HOST], port)
    for _ in range(3):
        await listener.put("token", "text")
        assert is_open(port)
        await listener.remove("token")


async def test_a_port_in_use_is_told_with_what_to_do(port: int) -> None:
    with socket.create_server((HOST, port)):
        listener = Listeners().listener([HOST], port)
        for work in (listener.check(), listener.put("token", "text")):
            with pytest.raises(HttpResponderError, match=r"another program listens there: .*web"):
                await work
    await listener.put("token", "text")
    await listener.close()


async def test_a_port_that_needs_privileges_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The socket refuses as the kernel does; the tests may run as root, whom it lets."""

    class Refusing(socket.socket):
        def bind(self, address: Any, /) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(HttpResponderError, match="CAP_NET_BIND_SERVICE, or use a webroot"):
        await Listeners().listener([HOST], 80).check()


async def test_an_address_of_another_machine_is_told() -> None:
    listener = Listeners().listener(["192.0.2.1"], 8080)
    with pytest.raises(HttpResponderError, match=r"192\.0\.2\.1 port 8080: this machine does not"):
        await listener.put("token", "text")


@pytest.mark.parametrize(("address", "port"), [("www.example.com", 80), (HOST, 0), (HOST, 65536)])
def test_what_is_no_place_to_listen_at_is_refused(address: str, port: int) -> None:
    with pytest.raises(InvalidInputError, match=r"not (an IP address to listen on|a valid port)"):
        Listeners().listener([address], port)


async def test_a_token_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(AcmeConnectionError):
        await Listeners().listener([HOST], port).put("../../etc/passwd", "text")


async def test_an_ordinary_client_library_is_content(listener: Listener, port: int) -> None:
    """The reply is one that h11's own client side accepts to its end."""
    del listener
    reply = await send(port, f"GET {PATH}token HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target=f"{PATH}token", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(reply)
    client.receive_data(b"")
    events = [client.next_event() for _ in range(3)]
    assert [type(event) for event in events] == [h11.Response, h11.Data, h11.EndOfMessage]
