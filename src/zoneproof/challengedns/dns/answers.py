"""What the service answers to a DNS packet: bytes in, bytes out."""

from __future__ import annotations

import functools
import logging
import struct
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

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

_ONE = b"\0\1"
_TAIL = len(OPT_RECORD)
_SPLITS: Final = {
    length: struct.Struct(f"2s10s{length - wire.HEADER_LENGTH - _TAIL}s{_TAIL}s").unpack
    for length in range(wire.HEADER_LENGTH + _TAIL, wire.UDP_LIMIT)
}
"""By its length, how to take a packet apart: id, header, question, and a tail as long as an OPT.

Where the header says that there is no OPT record, the tail is the end of the question.
"""

_Frame = tuple[bytes, bytes, bytes, int, bool]
"""What an ordinary answer has around its question and records, for those that ask alike.

Its flags and count of questions, what follows its count of answers, its end, how long it may be by
UDP, and whether the question has an OPT record.
"""


def _frames_without_edns() -> dict[bytes, _Frame]:
    """Map header bytes 2 to 12 of ordinary questions to the frame if they have no OPT record."""
    found: dict[bytes, _Frame] = {}
    for first in (0x00, 0x01):  # RD
        for second in (0x00, 0x10, 0x20, 0x30):  # AD and CD
            flags = bytes((first, second))
            start = reply_flags(flags, wire.NOERROR, authoritative=True) + _ONE
            found[flags + _ONE + bytes(6)] = (start, bytes(4), b"", wire.UDP_LIMIT, False)
    return found


_FRAMES_WITHOUT_EDNS: Final = _frames_without_edns()
_frames_with_edns: dict[bytes, _Frame] = {}  # by header and OPT record: resolvers send few
_MOST_FRAMES = 256
_OPT_ENDINGS: Final = {each[5:]: each for each in (OPT_RECORD, OPT_RECORD_DNSSEC)}


def _new_frame(head: bytes, opt: bytes) -> _Frame | None:
    """Return the frame for a header and an OPT record, and keep it; None if they are unusual."""
    end = _OPT_ENDINGS.get(opt[5:])
    frame = _FRAMES_WITHOUT_EDNS.get(head[:8] + bytes(2))
    if frame is None or head[8:] != _ONE or end is None or opt[:3] != OPT_RECORD[:3]:
        return None
    if len(_frames_with_edns) >= _MOST_FRAMES:
        _frames_with_edns.clear()
    limit = udp_limit(int.from_bytes(opt[3:5], "big"))
    frame = _frames_with_edns[head + opt] = (frame[0], bytes(2) + _ONE, end, limit, True)
    return frame


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
        entries, with_edns = self._entries, _frames_with_edns
        replies: list[bytes | None] = []
        unusual = 0
        for packet in packets:
            split = _SPLITS.get(len(packet))
            if split is not None:
                identity, head, question, tail = split(packet)
                frame = (
                    with_edns.get(head + tail)
                    or _FRAMES_WITHOUT_EDNS.get(head)
                    or _new_frame(head, tail)
                )
                if frame is not None:
                    flags, counts, end, limit, has_opt = frame
                    if not has_opt:
                        question += tail
                    # It is one question if it is in the table.
                    entry = entries.get(question.lower())
                    if entry is not None and entry[0] > now:
                        _, count, records = entry
                        reply = b"".join((identity, flags, count, counts, question, records, end))
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
