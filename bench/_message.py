"""DNS messages as the load generators see them: questions written and answers read, and strictly.

This is a reader of its own: it shares nothing with the service, which it judges.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
A, NS, SOA, TXT, AAAA, OPT, CAA, ANY = 1, 2, 6, 16, 28, 41, 257, 255
ANSWER, AUTHORITY, ADDITIONAL = range(3)

_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!2H")
_RECORD = struct.Struct("!2HIH")
_PAYLOAD = 1232
_EDNS = struct.pack("!BHHIH", 0, OPT, _PAYLOAD, 0, 0)
_RECURSION_DESIRED = 0x0100
_QR, _TC = 0x8000, 0x0200


class Record(NamedTuple):
    """A resource record; ``data`` is as it came."""

    section: int
    rdtype: int
    rdclass: int
    ttl: int
    data: bytes


class Message(NamedTuple):
    """A message that is well-formed to its last byte."""

    id: int
    flags: int
    question: bytes
    records: list[Record]

    @property
    def rcode(self) -> int:
        """The code, without what an OPT record may add."""
        return self.flags & 0xF

    @property
    def is_response(self) -> bool:
        """Whether QR is set."""
        return bool(self.flags & _QR)

    @property
    def is_truncated(self) -> bool:
        """Whether TC is set."""
        return bool(self.flags & _TC)

    @property
    def has_answer(self) -> bool:
        """Whether there are records in the answer section."""
        return any(record.section == ANSWER for record in self.records)

    @property
    def texts(self) -> list[str]:
        """The TXT values of the answer, of one string each."""
        return [
            record.data[1:].decode("ascii")
            for record in self.records
            if record.section == ANSWER and record.rdtype == TXT
        ]


def name_on_wire(name: str) -> bytes:
    """Return a name (A-labels, no trailing dot) as it stands in a message."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def write_question(name: bytes, number: int, rdtype: int = TXT, *, edns: bool = True) -> bytes:
    """Return a question with an id for a name on the wire."""
    head = _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, int(edns))
    return head + name + _QUESTION.pack(rdtype, 1) + (_EDNS if edns else b"")


def read_message(packet: bytes) -> Message:
    """Read a message. Raises ValueError for one that breaks a rule of RFC 1035 section 4.1."""
    if len(packet) < _HEADER.size:
        raise ValueError("shorter than a header")
    number, flags, questions, *counts = _HEADER.unpack_from(packet)
    offset = _HEADER.size
    for _ in range(questions):
        offset = _skip_name(packet, offset) + _QUESTION.size
    if offset > len(packet):
        raise ValueError("the question is cut off")
    question = packet[_HEADER.size : offset]
    records = []
    for section, count in enumerate(counts):
        for _ in range(count):
            offset = _skip_name(packet, offset)
            if offset + _RECORD.size > len(packet):
                raise ValueError("a record is cut off")
            rdtype, rdclass, ttl, length = _RECORD.unpack_from(packet, offset)
            offset += _RECORD.size + length
            if offset > len(packet):
                raise ValueError("a record's data is cut off")
            records.append(Record(section, rdtype, rdclass, ttl, packet[offset - length : offset]))
    if offset != len(packet):
        raise ValueError(f"{len(packet) - offset} bytes too many")
    return Message(number, flags, question, records)


def _skip_name(packet: bytes, offset: int) -> int:
    """Return where a name ends; pointers must lead backwards, and so to an end."""
    end = 0
    length = 0
    before = offset
    while True:
        if offset >= len(packet):
            raise ValueError("a name is cut off")
        size = packet[offset]
        if size >= 0xC0:
            if offset + 2 > len(packet):
                raise ValueError("a pointer is cut off")
            end = end or offset + 2
            target = int.from_bytes(packet[offset : offset + 2], "big") & 0x3FFF
            if not _HEADER.size <= target < before:
                raise ValueError("a pointer that does not lead backwards")
            offset = before = target
            continue
        if size > 63:
            raise ValueError("a label of no known kind")
        length += 1 + size
        if length > 255:
            raise ValueError("a name longer than 255 bytes")
        offset += 1 + size
        if size == 0:
            return end or offset
