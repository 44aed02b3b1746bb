"""Connections on which secondaries transfer zones: a thread for each, few, and with deadlines.

The TCP worker gives them away with the first question that asks for a permitted transfer. What
comes on them later is checked in the same way.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from zoneproof.challengedns.dns import wire
from zoneproof.challengedns.dns.question import (
    FormatError,
    Question,
    is_response,
    opcode,
    read_question,
    read_soa_serial,
)
from zoneproof.challengedns.dns.reply import write_error, write_header_only, write_reply
from zoneproof.challengedns.dns.secondary import SecondaryData
from zoneproof.challengedns.dns.signatures import AnswerSigner, SecondaryKeys
from zoneproof.challengedns.dns.wire import RRset
from zoneproof.challengedns.secondaries.content import Content, generation_of
from zoneproof.challengedns.secondaries.progress import AXFRS, IXFRS
from zoneproof.challengedns.secondaries.transfers import TransferZone, messages
from zoneproof.core.errors import StorageError
from zoneproof.serving.sockets import drop_unsent

_LENGTH = 2
_MAX_QUESTION = 4096  # bytes
_OF_ONE = 8  # connections of an address
_SEND_SECONDS = 10.0  # for a message of 16 KB
_TRANSFER_SECONDS = 600.0

_log = logging.getLogger(__name__)


class TransferServer:
    """Answers on connections that were given to it.

    ``count`` is told of each transfer's kind when it begins, ``done`` when it was sent.
    """

    def __init__(
        self,
        content: Content,
        zones: Sequence[TransferZone],
        keys: SecondaryKeys,
        *,
        count: Callable[[SecondaryData, int], None],
        done: Callable[[SecondaryData], None],
        idle_timeout: float,
    ) -> None:
        self._content = content
        self._zones = {zone.name: zone for zone in zones}
        self._keys = keys
        self._count = count
        self._done = done
        self._idle_timeout = idle_timeout
        self._open: dict[str, dict[_Connection, None]] = {}
        self._lock = threading.Lock()

    def take(self, sock: socket.socket, received: bytes) -> None:
        """Answer on a connection from now on; ``received`` is what it has sent already.

        Whoever opens too many loses the one that has been idle for longest.
        """
        try:
            address = str(sock.getpeername()[0])
        except OSError:
            sock.close()
            return
        connection = _Connection(sock, address, received)
        with self._lock:
            others = self._open.setdefault(address, {})
            others[connection] = None
            first = next(iter(others)) if len(others) > _OF_ONE else None
        if first is not None:
            first.end()
        threading.Thread(
            target=self._serve, args=[connection], name="zoneproof-transfer", daemon=True
        ).start()

    def _serve(self, connection: _Connection) -> None:
        try:
            with contextlib.suppress(OSError):
                while (message := connection.read(self._idle_timeout)) is not None:
                    self._touch(connection)
                    for reply in self._answers(message, connection.address):
                        connection.send(reply)
                    self._touch(connection)
        except Exception:  # noqa: BLE001  a transfer that finds a bug ends, and no other
            _log.exception("a zone transfer to %s failed", connection.address)
        finally:
            with self._lock:
                others = self._open[connection.address]
                others.pop(connection, None)
                if not others:
                    del self._open[connection.address]
            connection.close()

    def _touch(self, connection: _Connection) -> None:
        with self._lock:
            others = self._open[connection.address]
            if others.pop(connection, "gone") is None:
                others[connection] = None

    def _answers(self, message: bytes, address: str) -> Iterable[bytes]:
        if len(message) < wire.HEADER_LENGTH or is_response(message):
            return []
        signed = self._keys.open(message)
        if isinstance(signed, bytes):
            return [signed]
        if signed is None or opcode(message) != wire.QUERY:
            return [write_header_only(message, wire.REFUSED)]
        try:
            question = read_question(signed.packet)
        except FormatError:
            return [write_header_only(message, wire.FORMERR)]
        secondary = self._keys.permitted(signed.key, address, question.name)
        zone = self._zones.get(question.name)
        if secondary is None or zone is None or question.rdclass != wire.IN:
            return [signed.signer.sign(write_error(question, wire.REFUSED))]
        try:
            self._content.catch_up()
            records = self._records(question, zone, secondary)
        except FormatError:
            return [signed.signer.sign(write_error(question, wire.FORMERR))]
        except StorageError as error:
            _log.error("no transfer to %s: %s", secondary.name, error.message)
            return [signed.signer.sign(write_error(question, wire.SERVFAIL))]
        if records is None:
            reply = write_error(question, wire.REFUSED)
            if question.rdtype == wire.SOA:
                soa = zone.soa(self._content.generation)
                reply = write_reply(question, wire.NOERROR, wire.TCP_LIMIT, answer=[soa])
            return [signed.signer.sign(reply)]
        return self._signed(signed.signer, messages(question, records), secondary)

    def _signed(
        self, signer: AnswerSigner, replies: Iterable[bytes], secondary: SecondaryData
    ) -> Iterable[bytes]:
        deadline = time.monotonic() + _TRANSFER_SECONDS
        for reply in replies:
            if time.monotonic() > deadline:
                raise TimeoutError
            yield signer.sign(reply, is_one_of_several=True)
        self._done(secondary)

    def _records(
        self, question: Question, zone: TransferZone, secondary: SecondaryData
    ) -> Iterable[RRset] | None:
        """Return what to transfer; None if no transfer is asked for.

        Raises FormatError.
        """
        if question.rdtype not in (wire.AXFR, wire.IXFR):
            return None
        if question.rdtype == wire.IXFR:
            known = generation_of(_serial(question), self._content.generation)
            if known >= self._content.generation:
                return [zone.soa(self._content.generation)]
            found = self._content.since(known)
            if found is not None:
                self._count(secondary, IXFRS)
                _log.info(
                    "IXFR of %s to %s: %d differences",
                    wire.to_text(zone.name),
                    secondary.name,
                    len(found),
                )
                return zone.differences(known, found)
        self._count(secondary, AXFRS)
        snapshot = self._content.snapshot()
        _log.info(
            "AXFR of %s to %s: generation %d",
            wire.to_text(zone.name),
            secondary.name,
            snapshot.generation,
        )
        return zone.whole(snapshot)


def _serial(question: Question) -> int:
    """Return the serial in the authority section of an IXFR question. Raises FormatError."""
    packet = question.packet
    if int.from_bytes(packet[6:8], "big") or int.from_bytes(packet[8:10], "big") != 1:
        raise FormatError("an IXFR question has the SOA that is known in its authority section")
    return read_soa_serial(packet, question.end)


class _Connection:
    """A connection: messages, each after two bytes of length."""

    def __init__(self, sock: socket.socket, address: str, received: bytes) -> None:
        self.address = address
        self._sock = sock
        self._received = received

    def read(self, seconds: float) -> bytes | None:
        """Return the next message, or None at the end. Raises OSError."""
        self._sock.settimeout(seconds)
        while True:
            length = int.from_bytes(self._received[:_LENGTH], "big")
            end = _LENGTH + length
            if length > _MAX_QUESTION:
                return None
            if len(self._received) >= end and len(self._received) >= _LENGTH:
                message, self._received = self._received[_LENGTH:end], self._received[end:]
                return message
            data = self._sock.recv(_MAX_QUESTION)
            if not data:
                return None
            self._received += data

    def send(self, reply: bytes) -> None:
        """Send a message. Raises OSError, also where nobody reads it."""
        self._sock.settimeout(_SEND_SECONDS)
        try:
            self._sock.sendall(len(reply).to_bytes(_LENGTH, "big") + reply)
        except OSError:
            drop_unsent(self._sock)
            raise

    def end(self) -> None:
        """Let the thread that reads find the end."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Release it."""
        self._sock.close()
