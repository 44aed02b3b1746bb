"""UDP sockets: replies reach who asked, from the address asked, in batches and one at a time."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

from zoneproof.challengedns.dns import udp_batches
from zoneproof.challengedns.dns.udp_batches import BatchSocket
from zoneproof.challengedns.dns.udp_plain import PlainSocket, UdpSocket
from zoneproof.challengedns.dns.udp_sockets import udp_socket

BATCH = 64
KINDS: dict[str, type[BatchSocket | PlainSocket]] = {
    "a batch at once": BatchSocket,
    "one at a time": PlainSocket,
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[BatchSocket | PlainSocket]:
    return KINDS[request.param]


@contextlib.contextmanager
def bound(address: str) -> Iterator[socket.socket]:
    """Bind a UDP socket that waits two seconds for a packet, as a worker's waits a while."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, 0))
        yield sock


@contextlib.contextmanager
def clients(server: socket.socket, asked: str, count: int) -> Iterator[list[socket.socket]]:
    """Open sockets that take replies of no other address than the one they ask."""
    with ExitStack() as opened:
        made = []
        for _ in range(count):
            sock = opened.enter_context(socket.socket(server.family, socket.SOCK_DGRAM))
            sock.settimeout(10)
            sock.connect((asked, server.getsockname()[1]))
            made.append(sock)
        yield made


def prepared(kind: type[BatchSocket | PlainSocket], sock: socket.socket) -> UdpSocket:
    udp_socket(sock)  # asks the kernel for the addresses asked
    return kind(sock)


def take(server: UdpSocket, count: int) -> list[tuple[bytes, str]]:
    """Take so many packets, answer each with itself in capitals, and return them with senders."""
    taken: list[tuple[bytes, str]] = []
    while len(taken) < count:
        packets = server.receive(wait=True)
        taken += [(packet, server.sender(index)) for index, packet in enumerate(packets)]
        server.send([packet.upper() for packet in packets])
    return taken


@pytest.mark.parametrize(
    ("listens", "asked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.7"),
        ("::1", "::1"),
        ("::", "::1"),
    ],
)
def test_everybody_gets_the_own_reply_from_the_address_asked(
    kind: type[BatchSocket | PlainSocket], listens: str, asked: str
) -> None:
    count = 2 * BATCH + 1
    with bound(listens) as sock, clients(sock, asked, count) as askers:
        server = prepared(kind, sock)
        for index, asker in enumerate(askers):
            asker.send(b"packet %d" % index * (1 + index % 7))
        taken = take(server, count)
        assert sorted(packet for packet, _ in taken) == sorted(
            b"packet %d" % index * (1 + index % 7) for index in range(count)
        )
        assert {sender for _, sender in taken} == {askers[0].getsockname()[0]}
        for index, asker in enumerate(askers):
            assert asker.recv(4096) == b"PACKET %d" % index * (1 + index % 7)


def test_the_largest_batch_of_the_longest_replies_is_sent() -> None:
    with bound("127.0.0.1") as sock, clients(sock, "127.0.0.1", BATCH) as askers:
        server = BatchSocket(sock)
        for asker in askers:
            asker.send(b"?")
        replies = [bytes([index]) * 1232 for index in range(BATCH)]
        assert len(server.receive(wait=True)) == BATCH
        server.send(replies)
        assert [asker.recv(4096) for asker in askers] == replies


@pytest.mark.parametrize(
    ("address", "level", "option"),
    [("127.0.0.1", socket.IPPROTO_IP, 10), ("::1", socket.IPPROTO_IPV6, 23)],
)
def test_no_reply_is_ever_sent_in_fragments(address: str, level: int, option: int) -> None:
    with bound(address) as sock, clients(sock, address, 1) as (asker,):
        server = udp_socket(sock)
        assert sock.getsockopt(level, option) == 3  # IP_PMTUDISC_PROBE
        asker.send(b"?")
        server.receive(wait=True)
        server.send([bytes(1232)])
        assert asker.recv(4096) == bytes(1232)


@pytest.mark.parametrize("silent", [{0}, {1, 2}, {4}, {0, 2, 4}, {0, 1, 2, 3, 4}])
def test_who_gets_no_reply_holds_up_nobody(silent: set[int]) -> None:
    with bound("127.0.0.1") as sock, clients(sock, "127.0.0.1", 5) as askers:
        server = BatchSocket(sock)
        for asker in askers:
            asker.send(b"?")
        packets = server.receive(wait=True)
        server.send([None if index in silent else b"%d" % index for index in range(len(packets))])
        for index, asker in enumerate(askers):
            if index not in silent:
                assert asker.recv(4096) == b"%d" % index
        for index in silent:
            askers[index].setblocking(False)
            with pytest.raises(BlockingIOError):
                askers[index].recv(4096)


def test_a_reply_that_cannot_be_sent_holds_up_nobody(
    kind: type[BatchSocket | PlainSocket],
) -> None:
    with bound("127.0.0.1") as sock, clients(sock, "127.0.0.1", 3) as askers:
        server = kind(sock)
        too_long = bytes(66_000)
        for index, asker in enumerate(askers):
            asker.send(b"%d" % index)
        taken = 0
        while taken < len(askers):
            packets = server.receive(wait=True)
            taken += len(packets)
            server.send([too_long if packet == b"1" else packet for packet in packets])
        assert askers[0].recv(4096) == b"0"
        assert askers[2].recv(4096) == b"2"


def test_what_is_longer_than_any_question_is_cut(
    kind: type[BatchSocket | PlainSocket],
) -> None:
    with bound("127.0.0.1") as sock, clients(sock, "127.0.0.1", 2) as (long, short):
        server = kind(sock)
        long.send(b"x" * 9000)
        short.send(b"y")
        received: Sequence[bytes] = ()
        while len(received) < 2:
            received = [*received, *server.receive(wait=True)]
        assert list(received) == [b"x" * 4096, b"y"]


@pytest.mark.parametrize("forbidden", [0, 1], ids=["recvmmsg", "sendmmsg"])
def test_where_either_call_is_forbidden_packets_are_taken_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, forbidden: int
) -> None:
    calls = list(udp_batches._calls())

    def refuse(*_: object) -> int:
        ctypes.set_errno(errno.EPERM)
        return -1

    calls[forbidden] = refuse
    monkeypatch.setattr(udp_batches, "_calls", lambda: calls)
    with bound("127.0.0.1") as sock:
        assert isinstance(udp_socket(sock), PlainSocket)


def test_nothing_is_received_where_nothing_has_come(
    kind: type[BatchSocket | PlainSocket],
) -> None:
    with bound("127.0.0.1") as sock:
        assert not kind(sock).receive(wait=False)


def test_a_socket_that_is_no_more_is_an_error(
    kind: type[BatchSocket | PlainSocket],
) -> None:
    with bound("127.0.0.1") as sock:
        server = kind(sock)
    with pytest.raises(OSError, match="descriptor"):
        server.receive(wait=False)
