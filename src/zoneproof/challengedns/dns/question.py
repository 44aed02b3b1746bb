"""Reads DNS questions from the wire, without any I/O (RFC 1035, RFC 6891)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from zoneproof.challengedns.dns.wire import EDNS_LIMIT, HEADER_LENGTH, OPT, UDP_LIMIT

_COUNTS = struct.Struct("!HHHH")
_QUESTION_FIXED = struct.Struct("!HH")
_RECORD_FIXED = struct.Struct("!HHIH")
_DNSSEC_OK = 0x8000
_MAX_NAME = 255
_RESPONSE, _OPCODE = 0x80, 0x78


class FormatError(ValueError):
    """A packet is no DNS message, or one that breaks the rules."""


@dataclass(frozen=True, slots=True)
class Edns:
    """What a question's OPT record says; ``size`` is the largest UDP answer that it takes."""

    version: int
    size: int
    dnssec_ok: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A message with one question. ``labels`` are the offsets at which its labels begin."""

    packet: bytes
    end: int
    name: bytes
    labels: frozenset[int]
    rdtype: int
    rdclass: int
    edns: Edns | None

    @property
    def udp_limit(self) -> int:
        """How many bytes an answer by UDP may have."""
        return self.edns.size if self.edns else UDP_LIMIT


def opcode(packet: bytes) -> int:
    """Return the operation that a message asks for; 0 is QUERY."""
    return (packet[2] & _OPCODE) >> 3


def is_response(packet: bytes) -> bool:
    """Tell whether the message is itself an answer."""
    return bool(packet[2] & _RESPONSE)


def read_question(packet: bytes) -> Question:
    """Read a message of at least a header's length. Raises FormatError (RFC 9619 among others)."""
    questions, answers, authorities, additionals = _COUNTS.unpack_from(packet, 4)
    if questions != 1:
        raise FormatError("not exactly one question")
    end_of_name, labels = _read_name(packet)
    end = end_of_name + 4
    if end > len(packet):
        raise FormatError("the question is cut off")
    rdtype, rdclass = _QUESTION_FIXED.unpack_from(packet, end_of_name)
    return Question(
        packet=packet,
        end=end,
        name=packet[HEADER_LENGTH:end_of_name].lower(),
        labels=frozenset(labels),
        rdtype=rdtype,
        rdclass=rdclass,
        edns=_read_edns(packet, end, answers + authorities, additionals),
    )


def _read_name(packet: bytes) -> tuple[int, list[int]]:
    # A pointer in a question has nothing before it to point to, so only labels are taken.
    offset = HEADER_LENGTH
    labels = []
    while True:
        if offset >= len(packet):
            raise FormatError("the name is cut off")
        length = packet[offset]
        if length == 0:
            break
        if length > 63:
            raise FormatError("a label of a kind that no question may hold")
        labels.append(offset)
        offset += 1 + length
        if offset - HEADER_LENGTH >= _MAX_NAME:
            raise FormatError("a name longer than 255 octets")
    return offset + 1, labels


def _read_edns(packet: bytes, offset: int, others: int, additionals: int) -> Edns | None:
    edns = None
    for index in range(others + additionals):
        is_root = packet[offset : offset + 1] == b"\0"
        offset = _skip_name(packet, offset)
        if offset + _RECORD_FIXED.size > len(packet):
            raise FormatError("a record is cut off")
        rdtype, rdclass, ttl, length = _RECORD_FIXED.unpack_from(packet, offset)
        offset += _RECORD_FIXED.size + length
        if offset > len(packet):
            raise FormatError("a record is cut off")
        if rdtype == OPT:
            if edns or not is_root or index < others:
                raise FormatError("an OPT record where none may be")
            _check_options(packet[offset - length : offset])
            edns = Edns(
                version=(ttl >> 16) & 0xFF,
                size=min(max(rdclass, UDP_LIMIT), EDNS_LIMIT),
                dnssec_ok=bool(ttl & _DNSSEC_OK),
            )
    if offset != len(packet):
        raise FormatError("bytes after the last record")
    return edns


def _skip_name(packet: bytes, offset: int) -> int:
    while offset < len(packet):
        length = packet[offset]
        if length == 0:
            return offset + 1
        if length >= 0xC0:
            return offset + 2
        if length > 63:
            break
        offset += 1 + length
    raise FormatError("a record's name is cut off")


def _check_options(options: bytes) -> None:
    offset = 0
    while offset < len(options):
        if offset + 4 > len(options):
            raise FormatError("an EDNS option is cut off")
        offset += 4 + int.from_bytes(options[offset + 2 : offset + 4], "big")
    if offset != len(options):
        raise FormatError("an EDNS option is cut off")
