"""DNS messages as bytes, and what they say in answer to one question."""

from __future__ import annotations

import contextlib
import secrets
import struct
from collections.abc import Mapping
from enum import Enum

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import msgspec
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.NS import NS
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from zoneproof.core.errors import DnsServerError, InvalidNameError
from zoneproof.core.names import DomainName

_MAX_LINKS_IN_ANSWER = 16


class Status(Enum):
    """What a server that could answer said."""

    RECORDS = "records"
    NODATA = "no such record"
    NXDOMAIN = "no such name"
    REFERRAL = "ask the servers of a zone below"


class Referral(msgspec.Struct, frozen=True):
    """The zone that a server refers to, its name servers, and the addresses sent along."""

    zone: DomainName
    nameservers: tuple[DomainName, ...]
    glue: Mapping[DomainName, tuple[str, ...]]


class Answer(msgspec.Struct, frozen=True):
    """The answer to the question for ``rdtype`` at ``name``.

    ``chain`` holds the names that CNAMEs led to; ``records`` and ``status`` belong to its last.
    ``soa`` is the zone named in the authority section of an answer without records.
    ``authoritative`` and ``recursive`` are the AA and RA bits. ``referral`` is set for REFERRAL.
    """

    name: DomainName
    rdtype: str
    status: Status
    records: tuple[dns.rdata.Rdata, ...] = ()
    chain: tuple[DomainName, ...] = ()
    soa: DomainName | None = None
    authoritative: bool = False
    recursive: bool = False
    referral: Referral | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The TXT values, each with its strings joined; bytes that are not UTF-8 as ``\\xNN``."""
        return tuple(
            b"".join(record.strings).decode("utf-8", "backslashreplace")
            for record in self.records
            if isinstance(record, TXT)
        )

    @property
    def targets(self) -> tuple[DomainName, ...]:
        """The names that NS or CNAME records lead to; those that are no usable names left out."""
        names = (read_name(r.target) for r in self.records if isinstance(r, NS | CNAME))
        return tuple(name for name in names if name is not None)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The IP addresses of A and AAAA records."""
        return tuple(r.address for r in self.records if isinstance(r, A | AAAA))


def wire_name(name: DomainName) -> dns.name.Name:
    """Return the name as dnspython has it."""
    return dns.name.from_text(name.fqdn)


def read_name(name: dns.name.Name) -> DomainName | None:
    """Return a name from the DNS, or None if its labels hold other than letters, digits, - and _.

    The DNS allows any bytes in a label; none of them may reach a terminal, a file or a provider.
    """
    try:
        return DomainName.parse(name.to_text(omit_final_dot=True))
    except InvalidNameError:
        return None


def read_answer(message: dns.message.Message, name: DomainName, rdtype: str) -> Answer:
    """Read a reply to the question. Raises DnsServerError if it says nothing that can be used."""
    if message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        rcode = dns.rcode.to_text(message.rcode())
        raise DnsServerError(f"the answer is {rcode}", rcode=rcode)
    sets = {
        (rrset.name, rrset.rdtype): rrset
        for rrset in message.answer
        if rrset.rdclass == dns.rdataclass.IN
    }
    wanted = dns.rdatatype.from_text(rdtype)
    chain, found = _follow(sets, name, wanted) if sets else ((), None)
    referral = None
    if found:
        status = Status.RECORDS
    elif message.rcode() == dns.rcode.NXDOMAIN:
        status = Status.NXDOMAIN
    elif not chain and _looks_like_referral(message):
        status = Status.REFERRAL
        referral = _read_referral(message, name)
    else:
        status = Status.NODATA
    return Answer(
        name,
        rdtype,
        status,
        records=tuple(found or ()),
        chain=chain,
        soa=None if found else _soa_owner(message),
        authoritative=bool(message.flags & dns.flags.AA),
        recursive=bool(message.flags & dns.flags.RA),
        referral=referral,
    )


def _follow(
    sets: Mapping[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset],
    name: DomainName,
    wanted: dns.rdatatype.RdataType,
) -> tuple[tuple[DomainName, ...], dns.rrset.RRset | None]:
    chain: list[DomainName] = []
    owner = wire_name(name)
    while (owner, wanted) not in sets and (owner, dns.rdatatype.CNAME) in sets:
        record = sets[owner, dns.rdatatype.CNAME][0]
        assert isinstance(record, CNAME)
        owner = record.target
        target = read_name(owner)
        if target is None:
            raise DnsServerError(f"a CNAME from {name} leads to a name that cannot be used")
        if target == name or target in chain:
            raise DnsServerError(f"the CNAMEs from {name} form a loop at {target}")
        chain.append(target)
        if len(chain) > _MAX_LINKS_IN_ANSWER:
            raise DnsServerError(f"the chain of CNAMEs from {name} is too long")
    return tuple(chain), sets.get((owner, wanted))


def _soa_owner(message: dns.message.Message) -> DomainName | None:
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return read_name(rrset.name)
    return None


def _looks_like_referral(message: dns.message.Message) -> bool:
    types = {rrset.rdtype for rrset in message.authority}
    return (
        not message.flags & dns.flags.AA
        and dns.rdatatype.NS in types
        and dns.rdatatype.SOA not in types
    )


def _read_referral(message: dns.message.Message, name: DomainName) -> Referral:
    rrset = next(r for r in message.authority if r.rdtype == dns.rdatatype.NS)
    zone = read_name(rrset.name)
    # A referral to the root or to another branch is the mark of a server that knows nothing of
    # the name (RFC 9499, "upward referral"); following it would leave the question.
    if zone is None or not zone.text or not name.is_below(zone):
        raise DnsServerError(f"the answer refers to servers that have nothing to do with {name}")
    targets = [read_name(record.target) for record in rrset if isinstance(record, NS)]
    nameservers = tuple(target for target in targets if target is not None)
    glue: dict[DomainName, tuple[str, ...]] = {}
    for extra in message.additional:
        owner = read_name(extra.name)
        if owner in nameservers and owner is not None:
            addresses = tuple(r.address for r in extra if isinstance(r, A | AAAA))
            glue[owner] = glue.get(owner, ()) + addresses
    return Referral(zone, nameservers, glue)


# The size that passes every network without fragments (DNS flag day 2020).
_UDP_PAYLOAD = 1232
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_SOA_NUMBERS = 20
_OPT = struct.pack("!xHHIH", dns.rdatatype.OPT, _UDP_PAYLOAD, 0, 0)
_QR_AND_OPCODE = 0xF800
_RCODE = 0x000F


def make_question(name: DomainName, rdtype: str, *, recursive: bool, edns: bool = True) -> bytes:
    """Return a question with a random id."""
    flags = int(dns.flags.RD) if recursive else 0
    header = _HEADER.pack(secrets.randbits(16), flags, 1, 0, 0, int(edns))
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.labels)
    asked = struct.pack("!xHH", dns.rdatatype.from_text(rdtype), dns.rdataclass.IN)
    return header + labels + asked + (_OPT if edns else b"")


def read_reply(data: bytes, question: bytes) -> dns.message.Message | None:
    """Return the message if it is well formed and a reply to the question, else None.

    If it holds nothing but the SOA record of a zone, that record's data is left out.
    """
    with contextlib.suppress(dns.exception.DNSException, struct.error, ValueError):
        return _read_nothing(data, question) or _read_any(data, question)
    return None


def _read_any(data: bytes, question: bytes) -> dns.message.Message | None:
    message = dns.message.from_wire(data, ignore_trailing=True)
    return message if dns.message.from_wire(question).is_response(message) else None


def _read_nothing(data: bytes, question: bytes) -> dns.message.Message | None:
    """Read a reply that holds nothing but an SOA record (RFC 2308) and an empty OPT record.

    Return None for all that is the least bit different.
    """
    end = question.index(b"\0", _HEADER.size) + 5
    if data[:2] != question[:2] or data[_HEADER.size : end] != question[_HEADER.size : end]:
        return None
    number, flags, questions, answers, authorities, extras = _HEADER.unpack_from(data)
    if flags & _QR_AND_OPCODE != dns.flags.QR or (questions, answers, authorities) != (1, 0, 1):
        return None
    if flags & _RCODE not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return None
    zone, length = dns.name.from_wire(data, end)
    rdtype, rdclass, _, size = _RECORD.unpack_from(data, end + length)
    if (rdtype, rdclass) != (dns.rdatatype.SOA, dns.rdataclass.IN):
        return None
    start = end + length + _RECORD.size
    _, primary = dns.name.from_wire(data, start)
    _, contact = dns.name.from_wire(data, start + primary)
    rest = data[start + size :]
    if size != primary + contact + _SOA_NUMBERS or start + size > len(data):
        return None
    if extras != bool(rest) or (rest and not _is_empty_opt(rest)):
        return None
    message = dns.message.QueryMessage(number)
    message.flags = dns.flags.Flag(flags)
    message.authority = [dns.rrset.RRset(zone, dns.rdataclass.IN, dns.rdatatype.SOA)]
    return message


def _is_empty_opt(record: bytes) -> bool:
    """Tell whether the record is an OPT without options, EDNS flags and upper bits of an rcode."""
    return len(record) == len(_OPT) and record[:3] == _OPT[:3] and not any(record[5:])
