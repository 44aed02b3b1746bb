"""What the service answers to a DNS packet: bytes in, bytes out."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zoneproof.challengedns.dns import wire
from zoneproof.challengedns.dns.counters import (
    BEATS,
    BLIND,
    DAMAGED,
    ORDINARY,
    SEES,
    SIGHT,
    TRUNCATED,
    UNANSWERED,
    Cells,
    cell,
    private_cells,
)
from zoneproof.challengedns.dns.lease import LeaseEndedError
from zoneproof.challengedns.dns.node_status import NodeStatus
from zoneproof.challengedns.dns.question import (
    FormatError,
    Question,
    is_response,
    opcode,
    read_question,
    udp_limit,
)
from zoneproof.challengedns.dns.reply import (
    OPT_RECORD,
    OPT_RECORD_DNSSEC,
    reply_flags,
    write_error,
    write_header_only,
    write_reply,
    write_truncated,
)
from zoneproof.challengedns.dns.table import RegistrationTable
from zoneproof.challengedns.dns.zones import Lookup, ServedZones
from zoneproof.core.errors import DamagedDatabaseError, StorageError

if TYPE_CHECKING:  # without secondaries no worker needs dnspython
    from zoneproof.challengedns.dns.signatures import SecondaryKeys, SignedQuestion

_log = logging.getLogger(__name__)

_RCODE, _TC = 0x0F, 0x02
_TRANSFERS = (wire.AXFR, wire.IXFR)


def _ordinary_headers() -> dict[bytes, tuple[bytes, bytes, int]]:
    """Map header bytes 2 to 12 of ordinary questions to how the answer begins.

    That is: its flags and count of questions, what follows its count of answers, and the length
    of the question's OPT record.
    """
    found = {}
    for first in (0x00, 0x01):  # RD
        for second in (0x00, 0x10, 0x20, 0x30):  # AD and CD
            flags = bytes((first, second))
            start = reply_flags(flags, wire.NOERROR, authoritative=True) + b"\0\1"
            found[flags + b"\0\1\0\0\0\0\0\0"] = (start, b"\0\0\0\0", 0)
            found[flags + b"\0\1\0\0\0\0\0\1"] = (start, b"\0\0\0\1", len(OPT_RECORD))
    return found


_ORDINARY_HEADERS = _ordinary_headers()
_OPT_START = OPT_RECORD[:3]
_ORDINARY_OPT_ENDINGS = {
    OPT_RECORD[5:]: OPT_RECORD,
    OPT_RECORD_DNSSEC[5:]: OPT_RECORD_DNSSEC,
}


@functools.lru_cache(256)  # resolvers ask with few sizes
def _ordinary_end(record: bytes) -> tuple[bytes, int] | None:
    """Return how an answer ends, and how long it may be by UDP; None if the end is unusual.

    ``record`` is the OPT record at the end of a question, or empty if it has none.
    """
    if not record:
        return b"", wire.UDP_LIMIT
    opt = _ORDINARY_OPT_ENDINGS.get(record[5:])
    if opt is None or record[:3] != _OPT_START:
        return None
    return opt, udp_limit(int.from_bytes(record[3:5], "big"))


class Responder:
    """Answers packets from the zones and the table of registrations.

    ``announced`` is where the number stands that changes after every commit. Answers are counted
    in ``cells``. ``node`` is the name of this node among several. What is signed with a key of the
    ``keys`` gets a signed answer; transfers are not made here.
    """

    def __init__(
        self,
        zones: ServedZones,
        table: RegistrationTable,
        announced: Sequence[int],
        *,
        clock: Callable[[], float] = time.time,
        cells: Cells | None = None,
        node: str = "",
        keys: SecondaryKeys | None = None,
    ) -> None:
        self._keys = keys
        self._cells = private_cells() if cells is None else cells
        self._lookup = Lookup(zones, table)
        self._table = table
        self._entries = table.entries
        self._announced = announced
        self._seen: int | None = None
        self._clock = clock
        self._lease = table.lease
        self._status = NodeStatus(node, zones, table, clock)

    def respond(self, packet: bytes, *, tcp: bool = False) -> bytes | None:
        """Return the answer to a packet, or None if it gets none."""
        return self.answers((packet,), tcp=tcp)[0]

    def answers(self, packets: Sequence[bytes], *, tcp: bool = False) -> list[bytes | None]:
        """Return the answer to each packet, or None if it gets none."""
        is_behind = self._announced[0] != self._seen and not self._catch_up()
        now = self._clock()
        if is_behind or self._lease[0] <= now:
            return [self._respond_unusual(packet, tcp) for packet in packets]
        entries = self._entries
        replies: list[bytes | None] = []
        unusual = 0
        for packet in packets:
            header = _ORDINARY_HEADERS.get(packet[2:12])
            if header is not None:
                flags, counts, opt_length = header
                end = len(packet) - opt_length
                # What stands between header and OPT record is one question if it is in the table.
                question = packet[12:end]
                entry = entries.get(question.lower())
                ending = _ordinary_end(packet[end:])
                if entry is not None and entry[0] > now and ending is not None:
                    _, count, records = entry
                    opt, limit = ending
                    reply = b"".join((packet[:2], flags, count, counts, question, records, opt))
                    if len(reply) <= limit or tcp:
                        replies.append(reply)
                        continue
            unusual += 1
            replies.append(self._respond_unusual(packet, tcp))
        self._cells[ORDINARY] += len(packets) - unusual
        return replies

    def truncated(self, packet: bytes) -> bytes | None:
        """Return "ask by TCP" for a packet whose answer has been counted, but is not sent."""
        following = _truncated_after_id(packet[2:])
        if following is None:
            return None
        self._cells[TRUNCATED] += 1
        return packet[:2] + following

    def beat(self) -> None:
        """Show that the worker continues, though it may have nothing to answer."""
        self._cells[BEATS] += 1

    def warm_up(self) -> bool:
        """Take up some values before they are asked for; False if there is nothing more to do."""
        try:
            return (self._announced[0] == self._seen or self._catch_up()) and self._table.warm_up()
        except StorageError as error:
            self._cannot_read(error)
            return False

    def look(self) -> None:
        """Take up what was announced, when there is time to.

        So a worker that nobody asks notices that it cannot read the database, or can again.
        """
        if self._announced[0] != self._seen or self._cells[SIGHT] == BLIND:
            self._catch_up()

    def _catch_up(self) -> bool:
        announced = self._announced[0]
        try:
            self._table.catch_up()
        except StorageError as error:
            self._cannot_read(error)
            return False
        self._seen = announced
        if self._cells[SIGHT] == BLIND:
            self._cells[SIGHT] = SEES
        return True

    def _cannot_read(self, error: StorageError) -> None:
        # Damage stays: another part of the file may still be whole.
        if self._cells[SIGHT] == SEES:
            _log.error("%s", error.message)
        is_damaged = isinstance(error, DamagedDatabaseError)
        self._cells[SIGHT] = max(self._cells[SIGHT], DAMAGED if is_damaged else BLIND)

    def _respond_unusual(self, packet: bytes, tcp: bool) -> bytes | None:
        signed = self._keys.open(packet) if self._keys is not None else None
        if signed is not None and not isinstance(signed, bytes):
            return self._respond_signed(signed, tcp)
        question = _read(packet)
        if not isinstance(question, Question):
            return self._counted(None, question)
        return self._counted(question, signed or self._reply(question, tcp))

    def _respond_signed(self, signed: SignedQuestion, tcp: bool) -> bytes | None:
        question = _read(signed.packet)
        if not isinstance(question, Question):
            return self._counted(None, question and signed.signer.sign(question))
        reply = signed.signer.sign(self._reply(question, tcp, is_signed=True))
        if not tcp and len(reply) > question.udp_limit:
            reply = signed.signer.sign(write_truncated(question))
        return self._counted(question, reply)

    def _reply(self, question: Question, tcp: bool, *, is_signed: bool = False) -> bytes:
        try:
            return self._answer(question, tcp, is_signed)
        except LeaseEndedError:
            return write_error(question, wire.SERVFAIL)
        except StorageError as error:
            self._cannot_read(error)
            return write_error(question, wire.SERVFAIL)
        except Exception:  # noqa: BLE001
            # A question that finds a bug must not end the worker for all others.
            _log.exception("no answer to %s", question.packet.hex())
            return write_error(question, wire.SERVFAIL)

    def _counted(self, question: Question | None, reply: bytes | None) -> bytes | None:
        if reply is None:
            self._cells[UNANSWERED] += 1
            return None
        rcode = reply[3] & _RCODE
        if question and question.edns and question.edns.version > 0:
            rcode = wire.BADVERS  # its upper bits stand in the OPT record
        self._cells[cell(question.rdtype if question else None, rcode)] += 1
        if reply[2] & _TC:
            self._cells[TRUNCATED] += 1
        return reply

    def _answer(self, question: Question, tcp: bool, is_signed: bool) -> bytes:
        if question.edns and question.edns.version > 0:
            return write_error(question, wire.BADVERS)
        rdtype = question.rdtype
        if rdtype == wire.IXFR and is_signed and not tcp:
            rdtype = wire.SOA  # which says: transfer it by TCP (RFC 1995 section 2)
        if question.rdclass != wire.IN or rdtype in _TRANSFERS:
            return write_error(question, wire.REFUSED)
        found = self._status.answer(question.name) or self._lookup.resolve(question.name, rdtype)
        if found is None:
            return write_error(question, wire.REFUSED)
        return write_reply(
            question,
            found.rcode,
            wire.TCP_LIMIT if tcp else question.udp_limit,
            answer=found.answer,
            authority=found.authority,
            additional=found.additional,
        )


@functools.lru_cache(256)  # who forges senders asks the same again and again
def _truncated_after_id(following: bytes) -> bytes | None:
    """Return what follows the id in "ask by TCP", for what follows it in a packet."""
    question = _read(b"\0\0" + following)
    if isinstance(question, Question):
        question = write_truncated(question)
    return question and question[2:]


def _read(packet: bytes) -> Question | bytes | None:
    """Return the question, or what to answer to something that asks none."""
    if len(packet) < wire.HEADER_LENGTH or is_response(packet):
        return None
    if opcode(packet) != wire.QUERY:
        return write_header_only(packet, wire.NOTIMP)
    try:
        return read_question(packet)
    except FormatError:
        return write_header_only(packet, wire.FORMERR)
