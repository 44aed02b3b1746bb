"""Writes DNS answers on the wire, without any I/O (RFC 1035, RFC 6891)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from zoneproof.challengedns.dns.question import Edns, Question, read_edns
from zoneproof.challengedns.dns.wire import (
    EDNS_LIMIT,
    HEADER_LENGTH,
    IN,
    NOERROR,
    OPT,
    UDP_LIMIT,
    RRset,
)

_COUNTS = struct.Struct("!HHHH")
_RECORD_FIXED = struct.Struct("!HHIH")
_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _OPCODE, _RECURSION_DESIRED = 0x80, 0x04, 0x02, 0x78, 0x01
_POINTER, _POINTER_LIMIT = 0xC000, 0x4000

# Our own OPT record: root, type 41, the largest answer that we send by UDP, no options.
# The DO flag comes back as it was (RFC 3225 section 3).
_DNSSEC_OK = 0x8000
_OPT = struct.Struct("!BHHBBHH")
OPT_RECORD: Final = _OPT.pack(0, OPT, EDNS_LIMIT, 0, 0, 0, 0)
OPT_RECORD_DNSSEC: Final = _OPT.pack(0, OPT, EDNS_LIMIT, 0, 0, _DNSSEC_OK, 0)


def reply_flags(flags: bytes, rcode: int, *, authoritative: bool, truncated: bool = False) -> bytes:
    """Return the flags of an answer to a message with these two bytes of flags.

    Opcode and RD come back as they were; AD and CD are cleared (RFC 4035 section 3.1.6).
    """
    first = _RESPONSE | (flags[0] & (_OPCODE | _RECURSION_DESIRED))
    if authoritative:
        first |= _AUTHORITATIVE
    if truncated:
        first |= _TRUNCATED
    return bytes((first, rcode & 0xF))


def write_header_only(packet: bytes, rcode: int) -> bytes:
    """Return an answer without any section, for a message that could not be understood.

    It has an OPT record if the message has one (RFC 6891 section 6.1.1).
    """
    edns = opt_record(read_edns(packet), rcode)
    flags = reply_flags(packet[2:4], rcode, authoritative=False)
    return packet[:2] + flags + _COUNTS.pack(0, 0, 0, bool(edns)) + edns


def write_error(question: Question, rcode: int) -> bytes:
    """Return an answer that has only a code, and makes no statement about the name."""
    return write_reply(question, rcode, UDP_LIMIT, authoritative=False)


def write_reply(
    question: Question,
    rcode: int,
    limit: int,
    *,
    authoritative: bool = True,
    answer: Sequence[RRset] = (),
    authority: Sequence[RRset] = (),
    additional: Sequence[RRset] = (),
) -> bytes:
    """Return the answer to a question; with TC=1 and no records if it would pass ``limit`` bytes.

    ``additional`` is left out if the rest fits only without it (RFC 2181 section 9).
    """
    body = _Body(question)
    edns = opt_record(question.edns, rcode)
    room = limit - len(edns)
    answers = body.write(answer, up_to=room)
    authorities = body.write(authority, up_to=room)
    wanted = sum(len(rrset.rdatas) for rrset in (*answer, *authority))
    if answers + authorities < wanted:
        return write_truncated(question)
    glue = body.write(additional, up_to=room)
    packet = question.packet
    return b"".join(
        (
            packet[:2],
            reply_flags(packet[2:4], rcode, authoritative=authoritative),
            _COUNTS.pack(1, answers, authorities, glue + bool(edns)),
            packet[HEADER_LENGTH : question.end],
            *body.parts,
            edns,
        )
    )


def write_truncated(question: Question) -> bytes:
    """Return an answer that says only: ask again by TCP."""
    packet = question.packet
    flags = reply_flags(packet[2:4], NOERROR, authoritative=True, truncated=True)
    return b"".join(
        (
            packet[:2],
            flags,
            _COUNTS.pack(1, 0, 0, bool(question.edns)),
            packet[HEADER_LENGTH : question.end],
            opt_record(question.edns, NOERROR),
        )
    )


def write_records(owner: bytes, rdtype: int, ttl: int, rdatas: Iterable[bytes]) -> bytes:
    """Return records, each under ``owner``: a name, or a pointer to one."""
    return b"".join(
        owner + _RECORD_FIXED.pack(rdtype, IN, ttl, len(rdata)) + rdata for rdata in rdatas
    )


def pointer(offset: int) -> bytes:
    """Return a pointer to a name that stands at the offset of the message (below 16384)."""
    return (_POINTER | offset).to_bytes(2, "big")


def opt_record(edns: Edns | None, rcode: int) -> bytes:
    """Return our OPT record for a message whose question had one; empty if it had none."""
    if edns is None:
        return b""
    flags = _DNSSEC_OK if edns.dnssec_ok else 0
    return _OPT.pack(0, OPT, EDNS_LIMIT, rcode >> 4, 0, flags, 0)


class _Body:
    """The sections after the question. An owner that stands in the message becomes a pointer."""

    def __init__(self, question: Question) -> None:
        self.parts: list[bytes] = []
        self.end = question.end
        self._question = question
        self._places: dict[bytes, int] = {}

    def write(self, rrsets: Iterable[RRset], *, up_to: int) -> int:
        """Add the sets that end at ``up_to`` or before, and return how many records they have."""
        count = 0
        for rrset in rrsets:
            first = self._owner(rrset.owner)
            others = first
            if first is rrset.owner and self.end < _POINTER_LIMIT:
                others = pointer(self.end)
            part = write_records(first, rrset.rdtype, rrset.ttl, rrset.rdatas[:1])
            part += write_records(others, rrset.rdtype, rrset.ttl, rrset.rdatas[1:])
            if self.end + len(part) > up_to:
                continue
            if others is not first:
                self._places[rrset.owner] = self.end
            self.parts.append(part)
            self.end += len(part)
            count += len(rrset.rdatas)
        return count

    def _owner(self, name: bytes) -> bytes:
        question = self._question
        offset = HEADER_LENGTH + len(question.name) - len(name)
        if offset in question.labels and question.name.endswith(name):
            return pointer(offset)
        if name in self._places:
            return pointer(self._places[name])
        return name
