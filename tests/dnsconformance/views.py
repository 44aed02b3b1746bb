"""What is compared of a server's answer."""

from __future__ import annotations

from dataclasses import dataclass

import dns.flags
import dns.message
import dns.rdata
import dns.rdatatype
import dns.rrset

FLAGS = ("QR", "AA", "TC", "RD", "RA", "AD", "CD")
"""The header's flags that are compared."""


@dataclass(frozen=True)
class Record:
    """A record; its data is in canonical form, and that of an SOA without the serial."""

    owner: str
    rdtype: int
    ttl: int
    data: bytes


@dataclass(frozen=True)
class View:
    """An answer; ``edns`` is version, payload and flags of an OPT record."""

    rcode: int
    opcode: int
    flags: frozenset[str]
    question: bytes
    answer: frozenset[Record]
    authority: frozenset[Record]
    additional: frozenset[Record]
    edns: tuple[int, int, int] | None
    options: frozenset[int]


def view(wire: bytes) -> View:
    """Read an answer. Raises dns.exception.DNSException when it is malformed."""
    message = dns.message.from_wire(wire)
    # What dnspython holds as flags has the upper bits of the code and the version in it.
    flags = message.ednsflags & 0xFFFF
    return View(
        rcode=message.rcode(),
        opcode=message.opcode(),
        flags=frozenset(flag for flag in FLAGS if message.flags & dns.flags.Flag[flag]),
        question=b"".join(map(_question, message.question)),
        answer=_records(message.answer),
        authority=_records(message.authority),
        additional=_records(message.additional),
        edns=(message.edns, message.payload, flags) if message.edns >= 0 else None,
        options=frozenset(option.otype for option in message.options),
    )


def _question(rrset: dns.rrset.RRset) -> bytes:
    name = rrset.name.to_wire()
    assert name is not None
    return name + rrset.rdtype.to_bytes(2, "big") + rrset.rdclass.to_bytes(2, "big")


def _records(section: list[dns.rrset.RRset]) -> frozenset[Record]:
    return frozenset(
        Record(rrset.name.canonicalize().to_text(), rrset.rdtype, rrset.ttl, _data(rdata))
        for rrset in section
        for rdata in rrset
    )


def _data(rdata: dns.rdata.Rdata) -> bytes:
    if rdata.rdtype == dns.rdatatype.SOA:
        rdata = rdata.replace(serial=0)
    return rdata.to_digestable()
