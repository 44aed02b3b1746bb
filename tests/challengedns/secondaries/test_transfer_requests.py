"""What holders of a key may send on a connection for transfers: rightly signed, and anything."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from logging.handlers import BufferingHandler
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import pytest
from dns.rdtypes.ANY.TSIG import TSIG
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.challenge_service import sample
from zoneproof.challengedns.dns.secondary import SecondaryData
from zoneproof.challengedns.dns.signatures import AnswerSigner, SecondaryKeys
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.secondaries import connections
from zoneproof.challengedns.secondaries.connections import TransferServer
from zoneproof.challengedns.secondaries.content import Content
from zoneproof.challengedns.secondaries.transfers import TransferZone
from zoneproof.challengedns.store.reader import Reader

KEY = dns.tsig.Key("some.key", b"0123456789abcdef0123456789abcdef", "hmac-sha256")
ZONE = "auth.example.org"
DATA = SecondaryData(
    name="127.0.0.1:53",
    slot=0,
    host="127.0.0.1",
    port=53,
    key="some.key",
    algorithm="hmac-sha256",
    secret=KEY.secret,
    networks=["127.0.0.1/32"],
    zones=[b"\x04auth\x07example\x03org\0"],
    name_servers=[("127.0.0.1", 53)],
    wait=5.0,
)


class Asked:
    """A transfer server, and a client of it that reads all it is answered."""

    def __init__(self, folder: Path) -> None:
        config, self.fulldomain = asyncio.run(sample(folder))
        zones = compile_zones(config.path, config.zones)
        self.content = Content(Reader(config.database))
        self.content.catch_up()
        self.transfers: list[int] = []
        self.bugs = BufferingHandler(1_000)
        self.bugs.setLevel(logging.ERROR)
        logging.getLogger(connections.__name__).addHandler(self.bugs)
        self._server = TransferServer(
            self.content,
            [TransferZone(zone, zones, 1) for zone in zones],
            SecondaryKeys([DATA]),
            count=lambda secondary, kind: self.transfers.append(kind),
            done=lambda secondary: None,
            idle_timeout=10.0,
        )
        self._listener = socket.create_server(("127.0.0.1", 0))

    def send(self, stream: bytes) -> list[bytes]:
        """Return the messages that answer a stream of bytes, which then ends."""
        with socket.create_connection(self._listener.getsockname(), timeout=20) as client:
            taken, _ = self._listener.accept()
            self._server.take(taken, stream)
            client.shutdown(socket.SHUT_WR)
            answered = bytearray()
            while data := client.recv(65_536):
                answered += data
        messages = []
        while answered:
            length = int.from_bytes(answered[:2], "big")
            assert len(answered) >= 2 + length
            messages.append(bytes(answered[2 : 2 + length]))
            del answered[: 2 + length]
        return messages

    def close(self) -> None:
        logging.getLogger(connections.__name__).removeHandler(self.bugs)
        self._listener.close()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    found = Asked(tmp_path_factory.mktemp("transfers"))
    yield found
    found.close()


def signed(packet: bytes) -> tuple[bytes, bytes]:
    """Return a message of any bytes with a right signature, and its MAC."""
    empty = TSIG(dns.rdataclass.ANY, dns.rdatatype.TSIG, KEY.algorithm, 0, 300, b"", 0, 0, b"")  # type: ignore[no-untyped-call]
    whole = AnswerSigner(KEY, empty).sign(packet)
    return whole, whole[-38:-6]


def framed(packet: bytes) -> bytes:
    return len(packet).to_bytes(2, "big") + packet


@st.composite
def questions(draw: st.DrawFn) -> bytes:
    """Transfer requests as they may be, and damaged before they are signed."""
    names = [ZONE, "AUTH.example.org", "example.net", f"www.{ZONE}", "."]
    types = ["AXFR", "IXFR", "SOA", "TXT", "ANY", "NS"]
    message = dns.message.make_query(
        draw(st.sampled_from(names)),
        draw(st.sampled_from(types)),
        draw(st.sampled_from(["IN", "CH", "ANY"])),
        use_edns=draw(st.sampled_from([None, 0])),
    )
    message.id = draw(st.integers(0, 0xFFFF))
    message.set_opcode(dns.opcode.Opcode(draw(st.sampled_from([0, 0, 0, 4, 5, 15]))))
    for _ in range(draw(st.integers(0, 2))):
        owner, serial = draw(st.sampled_from(names)), draw(st.integers(0, 0xFFFFFFFF))
        soa = f"ns1. hostmaster. {serial} 1 1 1 1"
        section = draw(st.sampled_from([message.authority, message.answer]))
        section.append(dns.rrset.from_text(dns.name.from_text(owner), 0, "IN", "SOA", soa))
    packet = bytearray(message.to_wire())
    for at, byte in draw(st.lists(st.tuples(st.integers(2, 400), st.integers(0, 255)), max_size=3)):
        packet[2 + at % (len(packet) - 2)] = byte
    cut = draw(st.one_of(st.just(len(packet)), st.integers(12, len(packet))))
    return bytes(packet[:cut]) + draw(st.binary(max_size=8))


@settings(max_examples=500, deadline=None)
@given(packet=questions())
def test_no_signed_request_finds_a_bug(asked: Asked, packet: bytes) -> None:
    asked.bugs.buffer.clear()
    asked.transfers.clear()
    request, mac = signed(packet)
    messages = asked.send(framed(request))
    assert not asked.bugs.buffer
    context, records = None, []
    for reply in messages:
        assert reply[:2] == packet[:2]
        if reply[6:8] == b"\0\0":
            # What is cut or changed may swallow the signature, which then is no right one.
            assert reply[3] & 15 in (dns.rcode.FORMERR, dns.rcode.REFUSED, dns.rcode.NOTAUTH)
            assert len(messages) == 1
            break
        read = dns.message.from_wire(
            reply,
            keyring=KEY,
            request_mac=mac,
            multi=True,
            tsig_ctx=context,
            one_rr_per_rrset=True,
        )
        assert (read.had_tsig, read.rcode()) == (True, dns.rcode.NOERROR)
        context = read.tsig_ctx
        records += read.answer
    if asked.transfers:
        assert {records[0].rdtype, records[-1].rdtype} == {dns.rdatatype.SOA}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), questions().map(framed)), max_size=3))
def test_no_stream_without_a_signature_gets_a_record(asked: Asked, parts: list[bytes]) -> None:
    for reply in asked.send(b"".join(parts)):
        assert int.from_bytes(reply[6:8], "big") == 0
