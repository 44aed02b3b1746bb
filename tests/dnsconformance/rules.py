"""What holds for every packet and the service's answer to it, whatever the packet holds."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode

HEADER = 12
_OPT = 11
_UDP_LIMIT, _EDNS_LIMIT, _TCP_LIMIT = 512, 1232, 65535
_RESPONSE, _POINTER = 0x80, 0xC0
_ALL_FLAGS = 0x87F0
_COPIED = dns.flags.RD
_SET_BY_US = dns.flags.QR | dns.flags.AA | dns.flags.TC
_RCODES = {
    dns.rcode.NOERROR,
    dns.rcode.FORMERR,
    dns.rcode.NXDOMAIN,
    dns.rcode.NOTIMP,
    dns.rcode.REFUSED,
    dns.rcode.BADVERS,
}


def check(packet: bytes, reply: bytes | None, *, tcp: bool) -> None:
    """Check the answer of a service whose storage works. Raises AssertionError.

    So SERVFAIL is an error: it is what a bug looks like from outside.
    """
    if len(packet) < HEADER or packet[2] & _RESPONSE:
        assert reply is None, "an answer to something that asks nothing"
        return
    assert reply is not None, "no answer"
    message = _read(reply)
    assert message is not None, "the answer is malformed"
    _check_header(packet, message)
    query = _read(packet)
    assert len(reply) <= _limit(query, tcp), "an answer above the limit"
    if not message.question:
        assert message.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP)
        assert len(reply) == HEADER + (_OPT if message.edns >= 0 else 0)
        assert query is None or (message.edns >= 0) == (query.edns >= 0), "EDNS in one of the two"
        assert query is None or not _is_plain(packet, query), "FORMERR for a plain question"
        return
    name = message.question[0].name.to_wire()
    assert name is not None
    end = HEADER + len(name) + 4
    assert reply[HEADER:end] == packet[HEADER:end], "the question does not come back as it was"
    if message.flags & dns.flags.TC:
        assert not message.answer + message.authority + message.additional
    if query is not None:
        assert (message.edns >= 0) == (query.edns >= 0), "EDNS in one of the two only"
        assert message.ednsflags & dns.flags.DO == query.ednsflags & dns.flags.DO


def _read(packet: bytes) -> dns.message.Message | None:
    try:
        return dns.message.from_wire(packet)
    except (dns.exception.DNSException, ValueError):
        return None


def _check_header(packet: bytes, message: dns.message.Message) -> None:
    asked = int.from_bytes(packet[2:4], "big")
    assert message.id == int.from_bytes(packet[:2], "big")
    assert message.flags & dns.flags.QR
    assert message.flags & _COPIED == asked & _COPIED
    assert not message.flags & _ALL_FLAGS & ~(_SET_BY_US | _COPIED), (
        "a flag that is not ours to set"
    )
    assert message.opcode() == dns.opcode.from_flags(asked)
    assert message.rcode() in _RCODES, dns.rcode.to_text(message.rcode())


def _limit(query: dns.message.Message | None, tcp: bool) -> int:
    if tcp:
        return _TCP_LIMIT
    if query is None:
        return _EDNS_LIMIT
    if query.edns < 0:
        return _UDP_LIMIT
    return min(max(query.payload, _UDP_LIMIT), _EDNS_LIMIT)


def _is_plain(packet: bytes, query: dns.message.Message) -> bool:
    """Tell whether it is an ordinary query with one question, whose name is not compressed."""
    if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
        return False
    name = query.question[0].name.to_wire() or b""
    return packet[HEADER : HEADER + len(name)].lower() == name.lower()
