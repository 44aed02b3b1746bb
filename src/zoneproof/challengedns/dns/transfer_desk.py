"""Gives connections on which a zone transfer is asked for to the process that makes transfers.

So no transfer, however long it takes, holds up a question. Only what is signed with the key of a
secondary, and comes from its addresses, is taken; anything else is refused as other questions are.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from zoneproof.challengedns.dns import wire
from zoneproof.challengedns.dns.question import FormatError, question_type, read_question

if TYPE_CHECKING:  # without secondaries no worker needs dnspython
    from zoneproof.challengedns.dns.signatures import SecondaryKeys

_TYPES = (wire.AXFR, wire.IXFR)


class TransferDesk:
    """What a TCP worker has of that process: its end of a socket between the two."""

    def __init__(self, keys: SecondaryKeys, channel: socket.socket) -> None:
        self._keys = keys
        self._channel = channel
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
        return self._keys.permitted(signed.key, address, zone) is not None

    def give(self, connection: socket.socket, received: bytes) -> None:
        """Give a connection away, with what has been received and not answered.

        If the other process has too much to do already, or does not run, the connection ends.
        """
        with contextlib.suppress(OSError):
            socket.send_fds(self._channel, [received], [connection.fileno()])
