"""UDP sockets that take and send many packets by one system call.

Half of what an answer costs is the way into the kernel and back, and recvmmsg(2) and sendmmsg(2)
go it once for all packets that have arrived. Python has no names for them, so they are called
through ctypes, on memory that is laid out once. Nobody waits for a batch to fill: it is what is
there when somebody looks.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import mmap
import os
import socket
from array import array
from collections.abc import Callable, Sequence

from zoneproof.challengedns.dns.udp_plain import (
    IPV4_INFO,
    IPV6_INFO,
    PACKET_SIZE,
    is_wildcard,
)
from zoneproof.challengedns.dns.wire import EDNS_LIMIT

_BATCH = 64  # packets; the first of them is answered when the last has been looked up
_SLOT = PACKET_SIZE + 64  # bytes; by the page, the packets' beginnings would share a cache line
_WAIT_FOR_ONE = 0x10000  # MSG_WAITFORONE of Linux; the socket module has no name for it


class _Vector(ctypes.Structure):
    """``struct iovec``: where bytes are."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """``struct msghdr``: a packet, whom it is from or for, and what the kernel says of it."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """``struct mmsghdr``: a header, and how many bytes were received."""

    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


_Call = Callable[..., int]


@functools.cache
def _calls() -> tuple[_Call, _Call]:
    """Return recvmmsg and sendmmsg. Raises OSError where the C library has none."""
    library = ctypes.CDLL(None, use_errno=True)
    try:
        receive, send = library.recvmmsg, library.sendmmsg
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    # Declared types would cost as much as the rest of the call. Without them a number is passed as
    # C's int, which all of these are; an address has to be a c_void_p.
    return receive, send


class _Slots:
    """Memory that the kernel writes or reads, in equal parts, one for each packet of a batch.

    It goes with this object: an address alone keeps nothing.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.memory = mmap.mmap(-1, size * _BATCH)
        self.starts = list(range(0, size * _BATCH, size))
        first = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.addresses = [first + start for start in self.starts]

    def column(self, offset: int) -> memoryview:
        """Return the numbers of four bytes that stand at the offset of each part."""
        return memoryview(self.memory).cast("I")[offset // 4 :: self.size // 4]


class BatchSocket:
    """A socket that takes and sends a batch of packets by one system call each.

    What is laid out once: packets come into a part of memory each, and so do their senders and
    the addresses that they asked, from which the replies go back. Replies stand one after the
    other, so where each begins is written for every batch.
    """

    def __init__(self, sock: socket.socket) -> None:
        """Raise OSError if the system has no such calls, or does not let us use them."""
        self._receive_many, self._send_many = _calls()
        self._socket = sock
        self._descriptor = sock.fileno()
        is_ipv6 = sock.family == socket.AF_INET6
        self._names = _Slots(28 if is_ipv6 else 16)  # sockaddr_in6 or sockaddr_in
        self._address = slice(8, 24) if is_ipv6 else slice(4, 8)
        self._controls: _Slots | None = None
        if is_wildcard(sock):
            info = IPV6_INFO if is_ipv6 else IPV4_INFO
            self._controls = _Slots(socket.CMSG_SPACE(info.size))
            self._interfaces = self._controls.column(socket.CMSG_LEN(16 if is_ipv6 else 0))

        self._packets, self._packet_vectors = _Slots(_SLOT), _Slots(ctypes.sizeof(_Vector))
        vectors = (_Vector * _BATCH).from_buffer(self._packet_vectors.memory)
        for vector, address in zip(vectors, self._packets.addresses, strict=True):
            vector.base, vector.length = address, PACKET_SIZE
        self._inbox = self._messages(self._packet_vectors)
        self._inbox_as_laid_out = self._inbox.memory[:]
        self._lengths = self._inbox.column(_Message.length.offset)

        self._replies, self._reply_vectors = _Slots(EDNS_LIMIT), _Slots(ctypes.sizeof(_Vector))
        # Numbers as wide as an address: in turn where a reply begins, and how long it is.
        self._reply_bounds = memoryview(self._reply_vectors.memory).cast("L")
        self._outbox = self._messages(self._reply_vectors)
        self._inbox_pointer = ctypes.c_void_p(self._inbox.addresses[0])
        self._outbox_pointers = [ctypes.c_void_p(each) for each in self._outbox.addresses]

        # Of no packets, to see whether the kernel's rules let us; a sandbox may know only one.
        if (
            self._receive_many(self._descriptor, None, 0, socket.MSG_DONTWAIT, None) < 0
            or self._send_many(self._descriptor, None, 0, 0) < 0
        ):
            raise _last_error()

    def _messages(self, vectors: _Slots) -> _Slots:
        """Lay out a batch, of which each packet has its sender, its vector and its control data."""
        slots = _Slots(ctypes.sizeof(_Message))
        messages = (_Message * _BATCH).from_buffer(slots.memory)
        for index in range(_BATCH):
            header = messages[index].header
            header.name = self._names.addresses[index]
            header.name_length = self._names.size
            header.vectors = vectors.addresses[index]
            header.vector_count = 1
            if self._controls is not None:
                header.control = self._controls.addresses[index]
                header.control_length = self._controls.size
        return slots

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def receive(self, *, wait: bool) -> Sequence[bytes]:
        """Return what has arrived, at most a batch; none if nothing came in time."""
        inbox = self._inbox
        inbox.memory[:] = self._inbox_as_laid_out
        flags = _WAIT_FOR_ONE if wait else socket.MSG_DONTWAIT
        count = self._receive_many(self._descriptor, self._inbox_pointer, _BATCH, flags, None)
        if count < 0:
            error = _last_error()
            if isinstance(error, (BlockingIOError, InterruptedError)):
                return ()
            raise error
        if self._controls is not None:
            self._interfaces[:] = _NO_INTERFACES  # the routing table knows the way back
        memory, packets = self._packets.memory, []
        lengths = self._lengths[:count].tolist()
        for start, length in zip(self._packets.starts, lengths, strict=False):
            packets.append(memory[start : start + length])
        return packets

    def sender(self, index: int) -> str:
        """Return the address that sent a packet of those received last."""
        start = self._names.starts[index]
        name = self._names.memory[start : start + self._names.size]
        return socket.inet_ntop(self._socket.family, name[self._address])

    def send(self, replies: Sequence[bytes | None]) -> None:
        """Answer the packets received last, except those whose reply is None."""
        gaps: Sequence[int] = ()
        parts = list(filter(None, replies))
        if len(parts) < len(replies):
            gaps = [index for index, reply in enumerate(replies) if not reply]
            parts = [reply or b"" for reply in replies]
        data = b"".join(parts)
        self._replies.memory[: len(data)] = data
        start, place, bounds = self._replies.addresses[0], 0, self._reply_bounds
        for part in parts:  # faster than whole columns at once: most batches are short
            bounds[place] = start
            bounds[place + 1] = length = len(part)
            place += 2
            start += length
        first = 0
        for end in (*gaps, len(parts)):
            while first < end:
                # Those before one that cannot be sent go; the next call begins with it, and fails.
                pointer = self._outbox_pointers[first]
                sent = self._send_many(self._descriptor, pointer, end - first, 0)
                first += max(sent, 1)
            first = end + 1


_NO_INTERFACES = array("I", bytes(4 * _BATCH))


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
