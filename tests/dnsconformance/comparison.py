"""Compares answers of Zoneproof and Knot, apart from the differences that are meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dns.edns
import dns.flags
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from tests.dnsconformance.questions import Question
from tests.dnsconformance.views import View

_PARTS = ("rcode", "opcode", "question", "answer", "authority", "additional", "edns", "options")
_DATA = frozenset({"answer", "authority", "additional"})
_CODE = frozenset({"rcode", "AA", *_DATA})
_TRANSFERS = (dns.rdatatype.AXFR, dns.rdatatype.IXFR)
_ADDRESSES = (dns.rdatatype.A, dns.rdatatype.AAAA)
_RFC8482 = b"\x07RFC8482\x00"


@dataclass(frozen=True)
class Difference:
    """What may differ, when, and why: ``applies`` gets the question, our answer and Knot's."""

    reason: str
    what: frozenset[str]
    applies: Callable[[Question, View, View], bool]


def _is_any(question: Question, ours: View, knots: View) -> bool:
    made_up = [record.data for record in ours.answer] == [_RFC8482]
    no_data = not ours.answer and len(ours.authority) == 1
    return question.rdtype == dns.rdatatype.ANY and bool(knots.answer) and (made_up or no_data)


def _only_addresses_differ(question: Question, ours: View, knots: View) -> bool:
    differing = ours.additional ^ knots.additional
    return all(record.rdtype in _ADDRESSES for record in differing)


DIFFERENCES = {
    "extended error": Difference(
        "Knot explains REFUSED with an extended error (RFC 8914), Zoneproof sends no options",
        frozenset({"options"}),
        lambda _, ours, knots: not ours.options and knots.options == {dns.edns.OptionType.EDE},
    ),
    "any": Difference(
        "ANY gets a made-up HINFO (RFC 8482 section 4.2), from Knot all records; and in Knot's zone"
        " a registration without values has a record, so that it exists",
        _DATA,
        _is_any,
    ),
    "addresses for NS only": Difference(
        "Zoneproof adds addresses to NS alone, from all its zones; Knot also to MX and SRV, and"
        " from the one zone",
        frozenset({"additional"}),
        _only_addresses_differ,
    ),
    "transfer": Difference(
        "A transfer is refused with REFUSED, by Knot with NOTAUTH or, by UDP, with NOTIMP",
        frozenset({"rcode"}),
        lambda question, ours, _: question.rdtype in _TRANSFERS and ours.rcode == dns.rcode.REFUSED,
    ),
    "type 0": Difference(
        "Type 0 is one without records; Knot does not implement it",
        _CODE,
        lambda question, _, knots: question.rdtype == 0 and knots.rcode == dns.rcode.NOTIMP,
    ),
    "class ANY": Difference(
        "Class ANY is refused as every other but IN; Knot takes it for IN",
        _CODE | {"TC"},
        lambda question, ours, _: (
            question.rdclass == dns.rdataclass.ANY and ours.rcode == dns.rcode.REFUSED
        ),
    ),
    "opcode": Difference(
        "What follows the header is not read, but for an OPT record, when the operation is unknown,"
        " since it may have any form (RFC 8906 section 8.1.4); Knot reads it",
        frozenset({"question", "edns", "rcode"}),
        lambda question, ours, _: (
            question.message.opcode() != dns.opcode.QUERY and ours.rcode == dns.rcode.NOTIMP
        ),
    ),
    "size 1": Difference(
        "A size of 1 counts as 512 (RFC 6891 section 6.2.3); Knot takes it for a format error",
        _CODE | {"question", "edns", "options"},
        lambda question, _, knots: (
            question.message.payload == 1 and knots.rcode == dns.rcode.FORMERR
        ),
    ),
    "compression": Difference(
        "Names inside records are not compressed, so an answer may not fit where Knot's does",
        frozenset({"TC"}),
        lambda question, ours, _: not question.tcp and "TC" in ours.flags,
    ),
    "cut any": Difference(
        "The made-up HINFO fits where all records do not",
        frozenset({"TC"}),
        lambda question, _, knots: question.rdtype == dns.rdatatype.ANY and "TC" in knots.flags,
    ),
}
"""Every difference that is meant. CNAMEs are not among them: see :func:`asking.follow`."""


def compare(question: Question, ours: View, knots: View) -> tuple[set[str], set[str]]:
    """Return which parts differ for no known reason, and the names of the reasons that applied.

    A flag of the header is a part by its name.
    """
    left = {part for part in _PARTS if getattr(ours, part) != getattr(knots, part)}
    left |= ours.flags ^ knots.flags
    used = set()
    for name, difference in DIFFERENCES.items():
        if left & difference.what and difference.applies(question, ours, knots):
            left -= difference.what
            used.add(name)
    return left, used
