"""Single messages to other name servers by UDP: to secondaries (RFC 1996), and to nodes."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.tsig

from zoneproof.challengedns.store.value_time import machine_seconds
from zoneproof.core.waiting import readable

_PACKET = 4096

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


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


def ask_at_once(
    questions: Mapping[K, tuple[dns.message.Message, tuple[str, int]]],
    read: Callable[[K, dns.message.Message | OSError], T | None],
    seconds: float,
) -> dict[K, T]:
    """Ask all servers at once, and return what they said in time: what ``read`` makes of a reply.

    It returns None for a reply that says nothing, or raises DNSException, ValueError or
    AttributeError. For a server that cannot be asked it gets the error instead.
    """
    found: dict[K, T] = {}
    with contextlib.ExitStack() as stack:
        waiting: dict[int, tuple[K, Exchange]] = {}
        for key, (message, to) in questions.items():
            try:
                exchange = Exchange(message, to, "")
            except OSError as error:
                said = read(key, error)
                if said is not None:
                    found[key] = said
                continue
            stack.callback(exchange.close)
            waiting[exchange.sock.fileno()] = key, exchange
        end = machine_seconds() + seconds
        while waiting and (left := end - machine_seconds()) > 0:
            for descriptor in readable(waiting, left):
                key, exchange = waiting[descriptor]
                said = None
                try:
                    reply = exchange.answer()
                    said = None if reply is None else read(key, reply)
                except OSError:
                    del waiting[descriptor]
                except (dns.exception.DNSException, ValueError, AttributeError):
                    continue
                if said is not None:
                    found[key] = said
                    del waiting[descriptor]
    return found


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
