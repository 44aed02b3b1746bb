"""DNS questions, names and records on the wire, without any I/O (RFC 1035, RFC 6891)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from zoneproof.challengedns.dns.wire import EDNS_LIMIT, HEADER_LENGTH, OPT, SOA, TSIG, UDP_LIMIT

_COUNTS = struct.Struct("!HHHH")
_QUESTION_FIXED = struct.Struct("!HH")
_RECORD_FIXED = struct.Struct("!HHIH")
_DNSSEC_OK = 0x8000
_MAX_NAME = 255
_RESPONSE, _OPCODE = 0x80, 0x78


class FormatError(ValueError):
    """A packet is not a DNS message, or one that breaks the rules."""


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


def read_edns(packet: bytes) -> Edns | None:
    """Return what the first OPT record of a message says, if the message can be read up to it.

    For messages that ask no question that can be answered: these get an OPT record for theirs too
    (RFC 6891 section 6.1.1).
    """
    questions, answers, authorities, additionals = _COUNTS.unpack_from(packet, 4)
    offset = HEADER_LENGTH
    try:
        for _ in range(questions):
            offset = _skip_name(packet, offset) + _QUESTION_FIXED.size
        records = _records(packet, offset, answers + authorities + additionals)
        for index, record in enumerate(records):
            if record.rdtype == OPT and record.is_root and index >= answers + authorities:
                return _edns(record)
    except FormatError:
        pass
    return None


def question_type(packet: bytes) -> int:
    """Return the type that a message asks for, 0 if it cannot be told."""
    try:
        end = _skip_name(packet, HEADER_LENGTH)
    except FormatError:
        return 0
    return int.from_bytes(packet[end : end + 2], "big")


def read_soa_serial(packet: bytes, offset: int) -> int:
    """Return the serial of the SOA record that begins there. Raises FormatError."""
    (record,) = _records(packet, offset, 1)
    start = record.end - record.length
    at = _skip_name(packet, _skip_name(packet, start))
    if record.rdtype != SOA or at + 20 != record.end:
        raise FormatError("no SOA record where one is needed")
    return int.from_bytes(packet[at : at + 4], "big")


def signature_start(packet: bytes) -> int | None:
    """Return where the TSIG record of a message begins; None if it has none.

    Raises FormatError, also where it is not the last record (RFC 8945 section 5.1).
    """
    questions, *others = _COUNTS.unpack_from(packet, 4)
    offset = HEADER_LENGTH
    for _ in range(questions):
        offset = _skip_name(packet, offset) + _QUESTION_FIXED.size
    start = None
    for record in _records(packet, offset, sum(others)):
        if start is not None or (record.rdtype == TSIG and not others[-1]):
            raise FormatError("a TSIG record where none may be")
        if record.rdtype == TSIG:
            start = offset
        offset = record.end
    if offset != len(packet):
        raise FormatError("bytes after the last record")
    return start


def _read_edns(packet: bytes, offset: int, others: int, additionals: int) -> Edns | None:
    edns = None
    for index, record in enumerate(_records(packet, offset, others + additionals)):
        offset = record.end
        if record.rdtype == OPT:
            if edns or not record.is_root or index < others:
                raise FormatError("an OPT record where none may be")
            _check_options(packet[record.end - record.length : record.end])
            edns = _edns(record)
    if offset != len(packet):
        raise FormatError("bytes after the last record")
    return edns


class _Record(NamedTuple):
    """What stands in front of a record's data, and where that ends."""

    is_root: bool
    rdtype: int
    rdclass: int
    ttl: int
    length: int
    end: int


def _records(packet: bytes, offset: int, count: int) -> Iterator[_Record]:
    for _ in range(count):
        is_root = packet[offset : offset + 1] == b"\0"
        offset = _skip_name(packet, offset)
        if offset + _RECORD_FIXED.size > len(packet):
            raise FormatError("a record is cut off")
        rdtype, rdclass, ttl, length = _RECORD_FIXED.unpack_from(packet, offset)
        offset += _RECORD_FIXED.size + length
        if offset > len(packet):
            raise FormatError("a record is cut off")
        yield _Record(is_root, rdtype, rdclass, ttl, length, offset)


def _edns(record: _Record) -> Edns:
    return Edns(
        version=(record.ttl >> 16) & 0xFF,
        size=udp_limit(record.rdclass),
        dnssec_ok=bool(record.ttl & _DNSSEC_OK),
    )


def udp_limit(offered: int) -> int:
    """Return how long an answer may be where an OPT record offers a size."""
    return min(max(offered, UDP_LIMIT), EDNS_LIMIT)


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
