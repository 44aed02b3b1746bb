"""DNS messages as bytes: makes questions, and reads what replies to them.

dnspython reads them, but for the reply that nearly every question about a challenge name gets: that
there is nothing, and in which zone. That one is read here, with the least work.
"""

from __future__ import annotations

import contextlib
import secrets
import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from zoneproof.names import DomainName

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
