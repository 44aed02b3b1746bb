"""Makes hostile DNS packets, and judges what comes back."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

from bench._message import (
    ADDITIONAL,
    ANSWER,
    AUTHORITY,
    NOERROR,
    NXDOMAIN,
    OPT,
    SERVFAIL,
    SOA,
    Message,
    name_on_wire,
    read_message,
)

_TYPES = (1, 2, 5, 6, 15, 16, 16, 16, 16, 28, 33, 41, 43, 48, 65, 249, 250, 251, 252, 255, 257)
_CLASSES = (1, 1, 1, 1, 1, 1, 3, 4, 254, 255, 0, 65535)
_FLAGS = (
    b"\1\0",
    b"\1\0",
    b"\1\x10",
    b"\0\0",
    b"\1\x20",
    b"\0\x40",
    b"\x28\0",
    b"\x20\0",
    b"\x78\0",
)
_PAYLOADS = (0, 511, 512, 513, 700, 1232, 1232, 1400, 4096, 65535)
_NO_ANSWER_BELOW = 12
_UDP_LIMIT, _EDNS_LIMIT, _TCP_LIMIT = 512, 1232, 65535
_NEGATIVE = (NOERROR, NXDOMAIN)


class Hostile:
    """An endless source of packets for these names, which follow from the seed alone."""

    def __init__(self, seed: str, names: Sequence[str]) -> None:
        self._rng = random.Random(seed)
        self._names = [name_on_wire(name) if name else b"\0" for name in names]
        self._kinds: tuple[Callable[[], bytes], ...] = (
            self._question,
            self._random,
            self._mutated,
            self._mutated,
            self._truncated,
            self._pointers,
            self._pointers,
            self._sections,
            self._sections,
            self._labels,
            self._counts,
            self._longer,
        )

    def packet(self) -> bytes:
        """Return the next packet."""
        return self._rng.choice(self._kinds)()

    def _question(self) -> bytes:
        rng = self._rng
        name = rng.choice(self._names)
        if rng.random() < 0.5:
            name = name.upper()
        has_opt = rng.random() < 0.6
        return b"".join(
            (
                rng.randbytes(2),
                rng.choice(_FLAGS),
                b"\0\1\0\0\0\0\0\1" if has_opt else b"\0\1\0\0\0\0\0\0",
                name,
                struct.pack("!HH", rng.choice(_TYPES), rng.choice(_CLASSES)),
                self._opt() if has_opt else b"",
            )
        )

    def _opt(self) -> bytes:
        rng = self._rng
        options = b""
        if rng.random() < 0.3:
            data = rng.randbytes(rng.randrange(40))
            # Half of the lengths are lies.
            length = len(data) if rng.random() < 0.5 else rng.getrandbits(16)
            options = struct.pack("!HH", rng.randrange(20), length) + data
        ttl = 0 if rng.random() < 0.7 else rng.getrandbits(32)
        length = len(options) if rng.random() < 0.8 else rng.getrandbits(16)
        return struct.pack("!BHHIH", 0, OPT, rng.choice(_PAYLOADS), ttl, length) + options

    def _random(self) -> bytes:
        return self._rng.randbytes(self._rng.randrange(600))

    def _mutated(self) -> bytes:
        rng = self._rng
        packet = bytearray(self._question())
        for _ in range(rng.randrange(1, 9)):
            packet[rng.randrange(len(packet))] = rng.getrandbits(8)
        return bytes(packet)

    def _truncated(self) -> bytes:
        packet = self._question()
        return packet[: self._rng.randrange(len(packet))]

    def _longer(self) -> bytes:
        return self._question() + self._rng.randbytes(self._rng.randrange(1, 4200))

    def _pointers(self) -> bytes:
        rng = self._rng
        packet = bytearray(self._question())
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(12, len(packet) + 1)
            # Forwards, backwards, to itself, into the header, out of the packet.
            target = rng.choice((place, place + 2, 12, 0, rng.randrange(len(packet)), 0x3FFF))
            packet[place : place + 2] = struct.pack("!H", 0xC000 | target)
        return bytes(packet)

    def _sections(self) -> bytes:
        rng = self._rng
        packet = self._question()
        counts = [0, 0, packet[11]]
        for _ in range(rng.randrange(1, 5)):
            counts[rng.randrange(3)] += 1
            packet += self._record(len(packet))
        return packet[:6] + struct.pack("!3H", *counts) + packet[12:]

    def _record(self, offset: int) -> bytes:
        rng = self._rng
        if rng.random() < 0.3:
            return self._opt()
        owner = rng.choice(
            (b"\0", b"\xc0\x0c", struct.pack("!H", 0xC000 | offset), rng.choice(self._names))
        )
        data = rng.randbytes(rng.randrange(60))
        length = len(data) if rng.random() < 0.8 else rng.getrandbits(16)
        return owner + struct.pack("!HHIH", rng.choice(_TYPES), 1, 0, length) + data

    def _labels(self) -> bytes:
        rng = self._rng
        name = b""
        for _ in range(rng.randrange(1, 130)):
            length = rng.choice((1, 1, 1, 5, 62, 63, 64, 65, 128, 191))
            name += bytes([length]) + rng.randbytes(min(length, 63))
            if rng.random() < 0.2:
                break
        name += rng.choice(self._names) if rng.random() < 0.7 else b"\0"
        return rng.randbytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\x10\0\1"

    def _counts(self) -> bytes:
        rng = self._rng
        packet = self._question()
        if rng.random() < 0.5:
            counts = struct.pack("!4H", *(rng.randrange(3) for _ in range(4)))
        else:
            counts = rng.randbytes(8)
        return packet[:4] + counts + packet[12:]


def judge(packet: bytes, reply: bytes | None, *, tcp: bool) -> None:
    """Raise ValueError unless the reply is one that this packet may get."""
    if not deserves_answer(packet):
        if reply is not None:
            raise ValueError("an answer where none may be")
        return
    if reply is None:
        raise ValueError("no answer")
    message = read_message(reply)
    if reply[:2] != packet[:2]:
        raise ValueError("another id")
    if not message.is_response or reply[3] & 0xC0:
        raise ValueError("QR not set, or RA or Z set")
    if (reply[2] ^ packet[2]) & 0x79:
        raise ValueError("opcode or RD came back changed")
    if message.question != packet[12 : 12 + len(message.question)]:
        raise ValueError("the question came back changed")
    _judge_size(packet, reply, tcp=tcp)
    _judge_sections(message)


def deserves_answer(packet: bytes) -> bool:
    """Tell whether a packet must get an answer: it has a header, and is none itself."""
    return len(packet) >= _NO_ANSWER_BELOW and not packet[2] & 0x80


def _judge_size(packet: bytes, reply: bytes, *, tcp: bool) -> None:
    if len(reply) <= _UDP_LIMIT:
        return
    limit = _TCP_LIMIT if tcp else _udp_limit(packet)
    if len(reply) > limit:
        raise ValueError(f"{len(reply)} bytes where {limit} may be")


def _udp_limit(packet: bytes) -> int:
    try:
        records = read_message(packet).records
    except ValueError:
        # The service looks less closely than this reader at records that mean nothing to it.
        return _EDNS_LIMIT
    sizes = [each.rdclass for each in records if each.section == ADDITIONAL and each.rdtype == OPT]
    return max(_UDP_LIMIT, min(_EDNS_LIMIT, *sizes)) if sizes else _UDP_LIMIT


def _judge_sections(message: Message) -> None:
    if message.rcode == SERVFAIL:
        raise ValueError("SERVFAIL")
    if message.is_truncated:
        if any(record.rdtype != OPT for record in message.records):
            raise ValueError("records in a truncated answer")
        return
    extended = any(record.rdtype == OPT and record.ttl >> 24 for record in message.records)
    answers = any(record.section == ANSWER for record in message.records)
    if message.rcode in _NEGATIVE and not answers and not extended:
        authority = [record for record in message.records if record.section == AUTHORITY]
        if [record.rdtype for record in authority] != [SOA]:
            raise ValueError("a negative answer without SOA")
