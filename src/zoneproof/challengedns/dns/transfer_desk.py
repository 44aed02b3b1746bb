"""Gives connections on which a zone transfer is asked for to the process that makes transfers.

So no transfer, however long it takes, holds up a question. Only what is signed with the key of a
secondary, and comes from its addresses, is taken; anything else is refused as other questions are.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import TYPE_CHECKING

from zoneproof.challengedns.dns import wire
from zoneproof.challengedns.dns.question import FormatError, question_type, read_question
from zoneproof.challengedns.dns.wire import to_text

if TYPE_CHECKING:  # without secondaries no worker needs dnspython
    from zoneproof.challengedns.dns.signatures import SecondaryKeys

_TYPES = (wire.AXFR, wire.IXFR)
_MOST_TOLD = 100

_log = logging.getLogger(__name__)


class TransferDesk:
    """What a TCP worker has of that process: its end of a socket between the two."""

    def __init__(self, keys: SecondaryKeys, channel: socket.socket) -> None:
        self._keys = keys
        self._channel = channel
        self._told: set[tuple[str, str, bytes]] = set()
        channel.setblocking(False)

    def takes(self, message: bytes, connection: socket.socket) -> bool:
        """Tell whether a message asks for a transfer that is permitted."""
        if question_type(message) not in _TYPES:
            return False
        signed = self._keys.open(message)
        if signed is None or isinstance(signed, bytes):
            return False
        try:
            zone = read_question(signed.packet).name
            address = str(connection.getpeername()[0])
        except (FormatError, OSError):
            return False
        if self._keys.permitted(signed.key, address, zone) is not None:
            return True
        self._tell(signed.key, address, zone)
        return False

    def _tell(self, key: str, address: str, zone: bytes) -> None:
        # Once, and only of who has a key; there are few such addresses.
        if len(self._told) < _MOST_TOLD and (key, address, zone) not in self._told:
            self._told.add((key, address, zone))
            _log.warning(
                "a transfer of %s to %s with the key '%s' is refused: see its 'address',"
                " 'transfer_from' and 'zones'",
                to_text(zone),
                address,
                key,
            )

    def give(self, connection: socket.socket, received: bytes) -> None:
        """Give a connection away, with what has been received and not answered.

        If the other process has too much to do already, or does not run, the connection ends.
        """
        with contextlib.suppress(OSError):
            socket.send_fds(self._channel, [received], [connection.fileno()])
