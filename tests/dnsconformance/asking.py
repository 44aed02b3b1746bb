"""Sends questions as they are, and asks Knot link by link where Zoneproof follows CNAMEs."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

import dns.name
import dns.rcode
import dns.rdatatype

from tests.dnsconformance.questions import Question
from tests.dnsconformance.views import Record, View, view

_SECONDS = 10
_LINKS = 11


class Asker:
    """Asks one server: by UDP always from the same port, by TCP with a new connection each time."""

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.settimeout(_SECONDS)
        self._udp.connect(self._server)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._udp.close()

    def udp(self, question: Question) -> bytes:
        """Return the answer by UDP. Raises TimeoutError."""
        self._udp.send(question.wire)
        return self._udp.recv(65535)

    def tcp(self, question: Question) -> bytes:
        """Return the answer by TCP. Raises TimeoutError."""
        length = len(question.wire).to_bytes(2, "big")
        with (
            socket.create_connection(self._server, timeout=_SECONDS) as connection,
            connection.makefile("rb") as received,
        ):
            connection.sendall(length + question.wire)
            return received.read(int.from_bytes(received.read(2), "big"))


def follow(ask: Callable[[Question], bytes], question: Question, first: View) -> View:
    """Return a server's answer with what it says itself, asked for each link, of CNAME targets.

    As Zoneproof is meant to: for up to eleven links, and while the server knows the target.
    """
    if question.rdtype in (dns.rdatatype.CNAME, dns.rdatatype.ANY):
        return first
    links: list[Record] = []
    name, current = question.name.canonicalize(), first
    while True:
        link = _cname(current, name)
        if link is None:
            answer = current.answer | frozenset(links)
            return replace(current, flags=first.flags, question=first.question, answer=answer)
        if link not in links:
            links.append(link)
            name, _ = dns.name.from_wire(link.data, 0)
            current = view(ask(question.about(name)))
            if len(links) < _LINKS and current.rcode != dns.rcode.REFUSED:
                continue
        nothing: frozenset[Record] = frozenset()
        return replace(first, answer=frozenset(links), authority=nothing, additional=nothing)


def _cname(answer: View, owner: dns.name.Name) -> Record | None:
    text = owner.to_text()
    for record in answer.answer:
        if record.owner == text and record.rdtype == dns.rdatatype.CNAME:
            return record
    return None
