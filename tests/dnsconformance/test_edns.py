"""EDNS as clients use it, and how large an answer each may get."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.dnsconformance.rules import check
from tests.support.challenge_service import Service, register, texts, txt, update, write_config

VALUES = "abcdefghijklmnop"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """A service, and a name with as many values as a registration can have."""
    with Service(write_config(tmp_path_factory.mktemp("service"))) as service:
        account = register(service.url)
        for letter in VALUES:
            assert update(service.url, account, txt(letter)).status == 200
        yield service, account.fulldomain


def ask(service: Service, message: dns.message.Message) -> dns.message.Message:
    return dns.query.udp(message, "127.0.0.1", port=service.dns_port, timeout=10)


@pytest.mark.parametrize(
    ("payload", "fits"),
    [
        pytest.param(None, False, id="no EDNS"),
        (0, False),
        (511, False),
        (512, False),
        (977, False),
        (978, True),
        (1232, True),
        (4096, True),
        (65535, True),
    ],
)
def test_sixteen_values_come_whole_where_they_fit_and_else_by_tcp(
    full: tuple[Service, str], payload: int | None, fits: bool
) -> None:
    service, name = full
    message = dns.message.make_query(name, "TXT")
    if payload is not None:
        message.use_edns(payload=payload)
    reply = ask(service, message)
    assert bool(reply.flags & dns.flags.TC) != fits
    assert texts(reply) == ([txt(letter) for letter in VALUES] if fits else [])
    by_tcp = dns.query.tcp(message, "127.0.0.1", port=service.dns_port, timeout=10)
    assert not by_tcp.flags & dns.flags.TC
    assert texts(by_tcp) == [txt(letter) for letter in VALUES]


@pytest.mark.parametrize(
    "option",
    [
        pytest.param((dns.edns.OptionType.NSID, b""), id="NSID"),
        pytest.param((dns.edns.OptionType.COOKIE, bytes(8)), id="client cookie"),
        pytest.param((dns.edns.OptionType.COOKIE, bytes(24)), id="both cookies"),
        pytest.param((dns.edns.OptionType.COOKIE, bytes(3)), id="broken cookie"),
        pytest.param((dns.edns.OptionType.ECS, b"\0\1\x18\0\xc0\0\2"), id="client subnet"),
        pytest.param((dns.edns.OptionType.ECS, b"\0\1\xff"), id="broken client subnet"),
        pytest.param((dns.edns.OptionType.KEEPALIVE, b""), id="keepalive"),
        pytest.param((dns.edns.OptionType.PADDING, bytes(400)), id="padding"),
        pytest.param((65001, b"?"), id="private use"),
    ],
)
@pytest.mark.parametrize("tcp", [False, True])
def test_any_option_is_ignored(
    full: tuple[Service, str], option: tuple[int, bytes], tcp: bool
) -> None:
    service, name = full
    code, data = option
    # Written by hand, since dnspython refuses to write options that are broken.
    packet = dns.message.make_query(name, "TXT", use_edns=0, payload=1232).to_wire()
    packet = packet[:-2] + struct.pack("!HHH", 4 + len(data), code, len(data)) + data
    reply = dns.message.from_wire(exchange(service, packet, tcp=tcp))
    assert reply.rcode() == dns.rcode.NOERROR
    assert len(texts(reply)) == len(VALUES)
    assert reply.edns == 0
    assert not reply.options


@pytest.mark.parametrize("version", [1, 2, 255])
@pytest.mark.parametrize("flags", [0, dns.flags.DO, 0x7FFF])
@pytest.mark.parametrize("tcp", [False, True])
def test_a_later_version_is_badvers_with_version_0_and_do_alone(
    full: tuple[Service, str], version: int, flags: int, tcp: bool
) -> None:
    service, name = full
    message = dns.message.make_query(name, "TXT")
    message.use_edns(edns=version, ednsflags=flags, payload=1232)
    query = dns.query.tcp if tcp else dns.query.udp
    reply = query(message, "127.0.0.1", port=service.dns_port, timeout=10)
    assert reply.rcode() == dns.rcode.BADVERS
    assert reply.edns == 0
    assert reply.ednsflags & 0xFFFF == flags & dns.flags.DO
    assert not reply.answer + reply.authority + reply.additional


OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
RECORD = b"\1x\0\0\1\0\1\0\0\0\0\0\4\xc0\0\2\1"


@pytest.mark.parametrize(
    ("counts", "records", "rcode"),
    [
        pytest.param((0, 0, 2), OPT + RECORD, dns.rcode.NOERROR, id="not the last"),
        pytest.param((0, 0, 2), RECORD + OPT, dns.rcode.NOERROR, id="after another"),
        pytest.param((0, 0, 2), OPT + OPT, dns.rcode.FORMERR, id="twice"),
        pytest.param((1, 0, 0), OPT, dns.rcode.FORMERR, id="as an answer"),
        pytest.param((0, 1, 0), OPT, dns.rcode.FORMERR, id="in authority"),
        pytest.param((0, 0, 1), b"\1x" + OPT, dns.rcode.FORMERR, id="with a name"),
        pytest.param((0, 0, 1), OPT[:-2] + b"\0\3\0\1\0", dns.rcode.FORMERR, id="cut option"),
    ],
)
def test_an_opt_record_stands_once_in_additional(
    full: tuple[Service, str], counts: tuple[int, int, int], records: bytes, rcode: dns.rcode.Rcode
) -> None:
    service, name = full
    question = dns.message.make_query(name, "TXT").to_wire()
    packet = question[:6] + struct.pack("!HHH", *counts) + question[12:] + records
    for tcp in (False, True):
        reply = exchange(service, packet, tcp=tcp)
        check(packet, reply, tcp=tcp)
        assert dns.message.from_wire(reply).rcode() == rcode


def exchange(service: Service, packet: bytes, *, tcp: bool) -> bytes:
    """Send bytes as they are, and return the answer's."""
    address = ("127.0.0.1", service.dns_port)
    if not tcp:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(10)
            sender.sendto(packet, address)
            return sender.recv(65535)
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(len(packet).to_bytes(2, "big") + packet)
        with connection.makefile("rb") as received:
            return received.read(int.from_bytes(received.read(2), "big"))
