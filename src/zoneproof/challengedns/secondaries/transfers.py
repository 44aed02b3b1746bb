"""Zone transfers as messages: the whole zone (RFC 5936), or how it differs (RFC 1995)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

from zoneproof.challengedns.dns import wire
from zoneproof.challengedns.dns.question import Question
from zoneproof.challengedns.dns.reply import (
    opt_record,
    pointer,
    reply_flags,
    write_records,
)
from zoneproof.challengedns.dns.wire import RRset
from zoneproof.challengedns.dns.zones import ServedZone, ZoneData
from zoneproof.challengedns.secondaries.content import Differences, Snapshot, Texts

_FULL = 16_000  # bytes; no record of ours brings a message near to 65,535 from there
_COUNTS = struct.Struct("!HHHH")


class TransferZone:
    """A zone as it is transferred: its static records, and the values where it has registrations.

    Registrations without values need no records. Other zones of the service below it are delegated.
    """

    def __init__(self, data: ZoneData, zones: Sequence[ZoneData], ttl: int) -> None:
        self.name = data.name
        self.has_registrations = data.registrations
        self._served = ServedZone(data)
        self._static = [*data.rrsets, *_delegations(data, zones)]
        self._ttl = ttl

    def soa(self, generation: int) -> RRset:
        """Return the SOA record, whose serial is the generation."""
        return self._served.soa(generation)

    def whole(self, snapshot: Snapshot) -> Iterator[RRset]:
        """Return all records, which begin and end with the SOA."""
        soa = self.soa(snapshot.generation)
        yield soa
        yield from self._static
        yield from self._values(snapshot.values)
        yield soa

    def differences(self, before: int, found: Differences) -> Iterator[RRset]:
        """Return the records of an IXFR from the generation ``before``."""
        soa = self.soa(found.generation)
        yield soa
        yield self.soa(before)
        yield from self._values(found.removed)
        yield soa
        yield from self._values(found.added)
        yield soa

    def _values(self, values: Mapping[str, Texts]) -> Iterator[RRset]:
        if not self.has_registrations:
            return
        for subdomain, texts in values.items():
            owner = wire.counted(subdomain) + self.name
            yield RRset(owner, wire.TXT, self._ttl, tuple(map(wire.counted, texts)))


def _delegations(zone: ZoneData, zones: Sequence[ZoneData]) -> Iterator[RRset]:
    for child in zones:
        # Of those below another child only that one knows.
        if child.name not in zone.children or any(
            child.name != other and child.name.endswith(other) for other in zone.children
        ):
            continue
        nameservers = next(
            each for each in child.rrsets if (each.owner, each.rdtype) == (child.name, wire.NS)
        )
        yield nameservers
        for rrset in child.rrsets:
            if rrset.owner in nameservers.rdatas and rrset.rdtype in (wire.A, wire.AAAA):
                yield rrset


def messages(question: Question, records: Iterable[RRset]) -> Iterator[bytes]:
    """Return the messages that answer a question with records, unsigned.

    Each repeats the question, whose name their owners point to.
    """
    head = question.packet[wire.HEADER_LENGTH : question.end]
    edns = opt_record(question.edns, wire.NOERROR)
    flags = reply_flags(question.packet[2:4], wire.NOERROR, authoritative=True)
    parts: list[bytes] = []
    count = size = 0

    def message() -> bytes:
        counts = _COUNTS.pack(1, count, 0, bool(edns))
        return b"".join((question.packet[:2], flags, counts, head, *parts, edns))

    at_question = pointer(wire.HEADER_LENGTH)
    for rrset in records:
        owner = rrset.owner
        if owner.endswith(question.name):
            owner = owner[: len(owner) - len(question.name)] + at_question
        for rdata in rrset.rdatas:
            part = write_records(owner, rrset.rdtype, rrset.ttl, (rdata,))
            parts.append(part)
            count += 1
            size += len(part)
            if size > _FULL:
                yield message()
                parts, count, size = [], 0, 0
    if parts:
        yield message()
