"""Asks the other nodes by DNS: from which change they answer, and where a CNAME leads.

A node without a lease asks whether anything newer than what it knows can be acknowledged. It may
answer for one second after it asked, and whoever acknowledges a change waits so long for it
(``store.barrier``).
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from zoneproof.challengedns.dns.lease import LeaseMemory
from zoneproof.challengedns.dns.node_status import LABEL, read_status
from zoneproof.challengedns.nodes.replica import Peer
from zoneproof.challengedns.secondaries.exchange import ask_at_once
from zoneproof.challengedns.store.barrier import GRACE
from zoneproof.challengedns.store.value_time import machine_seconds
from zoneproof.core.names import DomainName
from zoneproof.serving.sockets import Endpoint

_EVERY = 0.25  # seconds, of which GRACE must hold more than one
_ANSWER_SECONDS = 0.5
_AHEAD_OF_END = 0.75  # seconds before a lease ends: so there is no gap

T = TypeVar("T")


@dataclass(frozen=True)
class PeerStatus:
    """From which change another node answers, and whether it holds a lease."""

    generation: int
    holds_lease: bool


def may_answer(known: int, statuses: Sequence[PeerStatus | None]) -> bool:
    """Tell whether a node that knows the change ``known`` may answer without a lease.

    ``statuses`` are those of all other nodes; None is one that did not answer.
    """
    answered = [status for status in statuses if status is not None]
    if any(status.generation > known for status in answered):
        return False
    # Nothing is acknowledged without every node that holds a lease, and by nobody but nodes.
    return any(status.holds_lease for status in answered) or len(answered) == len(statuses)


def ask_peers(
    peers: Sequence[Peer], zone: DomainName, seconds: float = _ANSWER_SECONDS
) -> list[PeerStatus | None]:
    """Ask all at once, and return what those said that answered in time, in the same order.

    What another node says at an address than the one that is meant is no answer.
    """
    question = dns.message.make_query(f"{LABEL.decode()}.{zone}.", dns.rdatatype.TXT, flags=0)
    return _ask(peers, question, lambda reply, peer: _status(reply, peer.name), seconds)


def lead_elsewhere(
    peers: Sequence[Peer], name: DomainName, target: DomainName, seconds: float
) -> list[Peer]:
    """Return those that answer something else for a name than a CNAME to ``target``.

    Who does not answer in time is not among them.
    """
    question = dns.message.make_query(name.fqdn, dns.rdatatype.CNAME, flags=0)
    said = _ask(peers, question, functools.partial(_leads_to, target), seconds)
    return [peer for peer, leads in zip(peers, said, strict=True) if leads is False]


def _ask(
    peers: Sequence[Peer],
    question: dns.message.Message,
    read: Callable[[dns.message.Message, Peer], T | None],
    seconds: float,
) -> list[T | None]:
    """Return what ``read`` makes of each peer's first authoritative reply that says something."""
    questions = {}
    for index, peer in enumerate(peers):
        with contextlib.suppress(ValueError):  # an address that is none
            endpoint = Endpoint.parse(peer.address)
            questions[index] = question, (endpoint.host, endpoint.port)

    def read_authoritative(index: int, reply: dns.message.Message | OSError) -> T | None:
        if isinstance(reply, OSError) or not reply.flags & dns.flags.AA:
            return None
        return read(reply, peers[index])

    found = ask_at_once(questions, read_authoritative, seconds)
    return [found.get(index) for index in range(len(peers))]


def _status(reply: dns.message.Message, node: str) -> PeerStatus:
    (rrset,) = reply.answer
    (rdata,) = rrset
    generation, holds_lease = read_status(rdata.strings[0].decode("ascii"), node)
    return PeerStatus(generation, holds_lease)


def _leads_to(target: DomainName, reply: dns.message.Message, peer: Peer) -> bool:  # noqa: ARG001
    cnames = {
        str(rdata.target)
        for rrset in reply.answer
        if rrset.rdtype == dns.rdatatype.CNAME
        for rdata in rrset
    }
    return cnames == {target.fqdn}


class PeerWatch:
    """A thread that asks the others as long as there is no lease."""

    def __init__(
        self,
        memory: LeaseMemory,
        zone: DomainName,
        known: Callable[[], tuple[int, Sequence[Peer]] | None],
    ) -> None:
        """``known`` gives the newest change in the replica and the other nodes, or None where the
        replica cannot be answered from."""
        self._memory = memory
        self._zone = zone
        self._known = known
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zoneproof-peers", daemon=True)

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            before = machine_seconds()
            left = self._memory.lease_until - before
            if left > _AHEAD_OF_END:
                self._closing.wait(left - _AHEAD_OF_END)
                continue
            known = self._known()
            if known is not None:
                generation, peers = known
                if may_answer(generation, ask_peers(peers, self._zone)):
                    self._memory.extend_answers(before + GRACE)
            self._closing.wait(max(0.0, before + _EVERY - machine_seconds()))
