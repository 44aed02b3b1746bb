"""Who asked for a challenge, and what they were told: kept while the operator watches."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from zoneproof.challengedns.dns.counters import Tally
from zoneproof.serving.limits import IPAddress

MOST = 1000
"""How many events are kept, at most."""


@dataclass(frozen=True)
class Seen:
    """A question or an update. ``at`` is in seconds since 1970; ``result`` is what was answered.

    ``transport`` is ``UDP``, ``TCP`` or ``API``; ``what`` a type of record, or what was done.
    """

    at: float
    subdomain: str
    transport: str
    address: str
    what: str
    result: str


class LiveView:
    """What is watched on this node. It is off until somebody switches it on, and for minutes."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._seen: deque[Seen] = deque(maxlen=MOST)
        self.until = 0.0

    @property
    def is_on(self) -> bool:
        """Whether it is on now."""
        return self.until > time.time()

    def switch(self, minutes: float) -> None:
        """Switch it on for so many minutes, or off with 0; what was seen before is dropped."""
        self._collect()
        self._seen.clear()
        self.until = time.time() + 60 * minutes if minutes else 0.0
        self._tally.watch(self.until)

    def note_update(self, subdomain: str, address: IPAddress, what: str, result: str) -> None:
        """Keep what came by way of the API."""
        if self.is_on:
            self._seen.append(Seen(time.time(), subdomain, "API", str(address), what, result))

    def seen(self) -> Collection[Seen]:
        """Return what was seen since it was switched on, the latest first."""
        self._collect()
        return sorted(self._seen, key=lambda one: one.at, reverse=True)

    def _collect(self) -> None:
        for transport, moment, address, reply in self._tally.take_watched():
            subdomain, what, result = _told(reply)
            self._seen.append(Seen(moment, subdomain, transport.upper(), address, what, result))


def _told(reply: bytes) -> tuple[str, str, str]:
    """Return the first label, the type and the answer of a DNS message."""
    try:
        message = dns.message.from_wire(reply, ignore_trailing=True, continue_on_error=True)
        (question,) = message.question
    except (dns.exception.DNSException, ValueError):
        return "", "?", "cannot be read"
    subdomain = question.name.labels[0].decode("ascii", "replace").lower()
    found = [rdata.to_text() for rrset in message.answer for rdata in rrset]
    code = dns.rcode.to_text(message.rcode())
    if message.flags & dns.flags.TC:
        code = "ask by TCP"
    elif code == "NOERROR" and not found:
        code = "no such record"
    result = " ".join(found) if found else code
    return subdomain, dns.rdatatype.to_text(question.rdtype), result
