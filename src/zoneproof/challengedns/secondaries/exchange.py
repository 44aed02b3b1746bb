"""Single messages to secondaries by UDP, without waiting for their answers (RFC 1996)."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Sequence

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.tsig

_PACKET = 4096


class Exchange:
    """A message that was sent, from a port of its own, and the answer that may come."""

    def __init__(self, message: dns.message.Message, to: tuple[str, int], source: str) -> None:
        """Send it, from the address ``source`` if that is not empty. Raises OSError."""
        self._message = message
        family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.sock.setblocking(False)
            if source:
                self.sock.bind((source, 0))
            self.sock.connect(to)
            self.sock.send(message.to_wire())
        except OSError:
            self.sock.close()
            raise

    def answer(self) -> dns.message.Message | None:
        """Return the answer, or None if what has come is none. Raises OSError.

        Raises dns.exception.DNSException for an answer with a wrong signature.
        """
        packet = self.sock.recv(_PACKET)
        reply = dns.message.from_wire(
            packet,
            keyring=self._message.keyring,
            request_mac=self._message.mac,
            one_rr_per_rrset=True,
        )
        return reply if self._message.is_response(reply) else None

    def close(self) -> None:
        """Release the port."""
        self.sock.close()


def soa_question(zone: dns.name.Name) -> dns.message.Message:
    """Return the question for a zone's serial."""
    return dns.message.make_query(zone, dns.rdatatype.SOA, flags=0)


def notification(zone: dns.name.Name, key: dns.tsig.Key) -> dns.message.Message:
    """Return a signed NOTIFY for a zone."""
    message = dns.message.make_query(zone, dns.rdatatype.SOA, flags=dns.flags.AA)
    message.set_opcode(dns.opcode.NOTIFY)
    message.use_tsig(key)
    return message


def serial_in(reply: dns.message.Message) -> int | str:
    """Return the zone's serial, or in words what was answered instead."""
    rcode = dns.rcode.to_text(reply.rcode())
    if reply.rcode() != dns.rcode.NOERROR:
        return f"answers {rcode}"
    if not reply.flags & dns.flags.AA:
        return "answers without authority"
    for rrset in reply.answer:
        if rrset.rdtype == dns.rdatatype.SOA:
            return int(rrset[0].serial)
    return "answers without a SOA record"


def source_for(host: str, listen: Sequence[str]) -> str:
    """Return the address from which to send to a host, so that it knows the primary; "" for any.

    It is the one that the system takes if the service listens there, or else the first of
    ``listen`` that fits.
    """
    there = ipaddress.ip_address(host)
    own = [each for each in map(ipaddress.ip_address, listen) if each.version == there.version]
    if not own or any(each.is_unspecified for each in own):
        return ""
    family = socket.AF_INET6 if there.version == 6 else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 53))
        if ipaddress.ip_address(probe.getsockname()[0]) in own:
            return ""
    fitting = [each for each in own if each.is_loopback == there.is_loopback]
    return str(fitting[0]) if fitting else ""
