"""Makes up questions: every kind that a resolver, a person or a scanner may send."""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

T = TypeVar("T")

_TYPES = [
    dns.rdatatype.A,
    dns.rdatatype.AAAA,
    dns.rdatatype.ANY,
    dns.rdatatype.CAA,
    dns.rdatatype.CNAME,
    dns.rdatatype.DNSKEY,
    dns.rdatatype.DS,
    dns.rdatatype.HINFO,
    dns.rdatatype.HTTPS,
    dns.rdatatype.MX,
    dns.rdatatype.NS,
    dns.rdatatype.PTR,
    dns.rdatatype.SOA,
    dns.rdatatype.SRV,
    dns.rdatatype.TXT,
]
_RARE_TYPES = [0, 41, 128, 200, 249, 250, 251, 252, 253, 254, 256, 1000, 32768, 65535]
_CLASSES = [2, 3, 4, 254, 255, 4711]
_OUTSIDE = ["elsewhere.net", "www.elsewhere.net", "example.org", "org", "xauth.example.org", "."]
_LABELS = ["x", "_acme-challenge", "*", "www", "a" * 63, "\\000", "\\255\\001", "-", "0"]
_HEADER_BITS = [dns.flags.RD, dns.flags.AD, dns.flags.CD, dns.flags.Flag(0x0040), dns.flags.RA]
_OPTIONS = [dns.edns.OptionType.make(code) for code in (10, 12, 100, 65001)]
_TCP_LIMIT, _SMALLEST, _LARGEST = 65535, 512, 1232
_MAX_NAME = 255
_FIRST_PRIVATE_TYPE = 65280
_PAYLOADS = [0, 2, 511, 512, 513, 700, 1231, 1232, 1233, 4096, 65535]


@dataclass(frozen=True)
class Question:
    """A question as it is sent."""

    message: dns.message.Message
    wire: bytes
    tcp: bool

    @property
    def name(self) -> dns.name.Name:
        """The name asked for."""
        return self.message.question[0].name

    @property
    def rdtype(self) -> dns.rdatatype.RdataType:
        """The type asked for."""
        return self.message.question[0].rdtype

    @property
    def rdclass(self) -> dns.rdataclass.RdataClass:
        """The class asked for."""
        return self.message.question[0].rdclass

    @property
    def limit(self) -> int:
        """How many bytes the answer may have: by TCP any, by UDP what RFC 6891 makes of EDNS."""
        if self.tcp:
            return _TCP_LIMIT
        if self.message.edns < 0:
            return _SMALLEST
        return min(max(self.message.payload, _SMALLEST), _LARGEST)

    def about(self, name: dns.name.Name) -> Question:
        """Return the same question about another name."""
        message = copy.copy(self.message)
        message.question = [dns.rrset.RRset(name, self.rdclass, self.rdtype)]
        return Question(message, message.to_wire(), self.tcp)

    def __str__(self) -> str:
        transport = "TCP" if self.tcp else "UDP"
        return f"{self.wire.hex()} by {transport}\n{self.message}"


def make_question(random_: random.Random, names: Sequence[str]) -> Question:
    """Make one up."""
    message = dns.message.make_query(
        _name(random_, names),
        dns.rdatatype.RdataType.make(_number(random_)),
        rdclass=dns.rdataclass.RdataClass.make(_seldom(random_, 0.03, _CLASSES, 1)),
        id=random_.randrange(65536),
        flags=_header_bits(random_),
    )
    message.set_opcode(dns.opcode.Opcode(_seldom(random_, 0.02, [1, 2, 3, 6, 7, 15], 0)))
    if random_.random() < 0.7:
        _use_edns(random_, message)
    return Question(message, message.to_wire(), tcp=random_.random() < 0.2)


def _seldom(random_: random.Random, share: float, unusual: Sequence[T], usual: T) -> T:
    return random_.choice(unusual) if random_.random() < share else usual


def _name(random_: random.Random, names: Sequence[str]) -> dns.name.Name:
    kind = random_.random()
    if kind < 0.05:
        text = random_.choice(_OUTSIDE)
    elif kind < 0.1:
        text = f"{_uuid(random_)}.{random_.choice(names)}"
    else:
        text = random_.choice(names)
    name = dns.name.from_text(text)
    while random_.random() < 0.2 and len(name) > 1:
        name = name.parent()
    while random_.random() < 0.25:
        label = dns.name.from_text(random_.choice(_LABELS), None)
        if _length(name) + _length(label) > _MAX_NAME:
            break
        name = label.derelativize(name)
    return _mix_case(random_, name) if random_.random() < 0.5 else name


def _length(name: dns.name.Name) -> int:
    return sum(1 + len(label) for label in name.labels)


def _uuid(random_: random.Random) -> str:
    return str(uuid.UUID(int=random_.getrandbits(128), version=4))


def _mix_case(random_: random.Random, name: dns.name.Name) -> dns.name.Name:
    def mix(label: bytes) -> bytes:
        both = zip(label.lower(), label.upper(), strict=True)
        return bytes(random_.choice(letters) for letters in both)

    return dns.name.Name(map(mix, name.labels))


def _number(random_: random.Random) -> int:
    kind = random_.random()
    if kind < 0.85:
        return random_.choice(_TYPES)
    if kind < 0.92:
        return random_.choice(_RARE_TYPES)
    return random_.randrange(1, _FIRST_PRIVATE_TYPE)


def _header_bits(random_: random.Random) -> int:
    return sum(bit for bit in _HEADER_BITS if random_.random() < 0.15)


def _use_edns(random_: random.Random, message: dns.message.Message) -> None:
    payload = _seldom(random_, 0.01, [1], random_.choice(_PAYLOADS))
    options = [_option(random_) for _ in range(random_.choice([0, 0, 0, 1, 2]))]
    message.use_edns(
        edns=_seldom(random_, 0.05, [1, 2, 100, 255], 0),
        ednsflags=random_.choice([0, 0, dns.flags.DO, 0x4000, 0x0001]),
        payload=payload,
        request_payload=payload,
        options=options,
    )


def _option(random_: random.Random) -> dns.edns.Option:
    code = random_.choice(_OPTIONS)
    size = 8 if code == dns.edns.OptionType.COOKIE else random_.randrange(12)
    return dns.edns.GenericOption(code, random_.randbytes(size))
