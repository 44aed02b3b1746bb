"""One HTTP connection from accept to its end: uvicorn's protocol, with TLS, deadlines and limits.

uvicorn has no deadline for what a client sends or reads, and asyncio counts a TLS connection only
after its handshake. Here every connection is counted when it is accepted, and belongs to somebody;
at any moment it either is being answered by the application or has a time at which it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
from asyncio import sslproto
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.server import ServerState

from zoneproof.serving.gathering import GatheringTransport
from zoneproof.serving.limits import Crowd, IPNetwork, network_of, read_address
from zoneproof.serving.sockets import drop_unsent
from zoneproof.serving.strictness import PatientFlow

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as Protocol
else:
    Protocol = object

MEMORY: Final = 384 * 1024
"""How many bytes a connection takes at most: by TLS, with full buffers here and in the kernel."""

IDLE_SECONDS: Final = 30
CLIENT_CERTIFICATE: Final = "client_certificate"
"""Where a request's state has the certificate (DER) that its client showed, or None."""
WHOLE: Final = "is_whole"
"""Where a request's state has True once all of it is here: whoever reads its body waits no more."""

_CANDIDATES = 16
_TLS_BUFFER = 16 * 1024  # bytes, the length of a TLS record; asyncio's own is 256 KiB
_WRITE_MARK = 16 * 1024  # bytes
_SEND_BUFFER, _RECEIVE_BUFFER = 64 * 1024, 32 * 1024  # bytes, of which the kernel takes twice
_MOST_UNREAD = 4 * 1024 * 1024  # bytes that a client may send after the last answer
_NEVER = float("inf")


@dataclass(frozen=True)
class Deadlines:
    """For how many seconds a client may take, and how often that is looked at.

    ``write`` is for taking the next 16 KiB of an answer, ``close`` for the end of the last one.
    """

    handshake: float = 10.0
    head: float = 10.0
    write: float = 10.0
    close: float = 10.0
    look: float = 1.0


class Connections:
    """All connections of a server, at most so many in all and of one caller.

    A caller is an IPv4 address or an IPv6 /64. ``proxies`` may have as many as there may be: they
    bring everybody's.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None,
        *,
        most: int,
        most_of_one: int,
        proxies: Sequence[IPNetwork],
        deadlines: Deadlines,
    ) -> None:
        self.tls = tls
        self.deadlines = deadlines
        self.proxies = proxies
        self._crowd: Crowd[HttpConnection] = Crowd(most, most_of_one)
        if tls is not None:
            sslproto.SSLProtocol.max_size = _TLS_BUFFER

    def enter(self, newest: HttpConnection, address: str) -> None:
        """Count one that was accepted; if there are too many, end the one of least use."""
        self._crowd.enter(newest, None if self._is_proxy(address) else network_of(address))
        excess = list(itertools.islice(self._crowd.in_excess(newest), _CANDIDATES))
        if excess:
            next((each for each in excess if not each.is_being_answered), excess[0]).abort()

    def touch(self, connection: HttpConnection) -> None:
        """Note that a connection took an answer."""
        self._crowd.touch(connection)

    def leave(self, connection: HttpConnection) -> None:
        """Note that a connection has ended."""
        self._crowd.leave(connection)

    async def end_the_late(self) -> None:
        """End what is late, again and again until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.deadlines.look)
            now = loop.time()
            for each in list(self._crowd):
                if each.ends_at <= now:
                    each.abort()

    def begin_anew(self, tls: ssl.SSLContext) -> None:
        """Secure connections that come from now on by ``tls``, and end the others.

        Those that are being answered end after that.
        """
        self.tls = tls
        for each in list(self._crowd):
            each.end_after_answer()

    def end_handshakes(self) -> None:
        """End what has not begun to speak HTTP."""
        for each in list(self._crowd):
            if each.is_in_handshake:
                each.abort()

    def _is_proxy(self, address: str) -> bool:
        found = read_address(address)
        return found is not None and any(found in network for network in self.proxies)


class HttpConnection(Protocol):
    """A connection; ``ends_at`` is when it is late, by the event loop's clock.

    What parses HTTP is another base class: see :func:`connection_type`.
    """

    def __init__(
        self,
        all_of_them: Connections,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._all = all_of_them
        self._may_take = all_of_them.deadlines
        self._socket: asyncio.Transport | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._writing: GatheringTransport | None = None
        self._early = b""
        self._unread = 0
        self._is_in_head = True
        self._due = self.loop.time() + self._may_take.handshake
        self._write_due = _NEVER

    @property
    def ends_at(self) -> float:
        """When it is late with what it has to do next."""
        return min(self._due, self._write_due)

    @property
    def is_in_handshake(self) -> bool:
        """Whether it has not begun to speak HTTP."""
        return self.transport is None

    @property
    def is_being_answered(self) -> bool:
        """Whether the application has all it needs, and the client takes what it gets."""
        return self._has_cycle and not self.cycle.more_body and self._write_due == _NEVER

    @property
    def _has_cycle(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_sending(self) -> bool:
        """Whether the client has its answer before it has sent the whole request."""
        return self.cycle is not None and self.cycle.response_complete and self.cycle.more_body

    def abort(self) -> None:
        """End it at once; what the client has not taken is lost."""
        self._all.leave(self)
        if self._socket is not None:
            sock = self._socket.get_extra_info("socket")
            with contextlib.suppress(OSError):
                drop_unsent(sock)
            self._socket.abort()

    def end_after_answer(self) -> None:
        """End it at once, or after the answer to what it has asked."""
        if self._has_cycle:
            self.cycle.keep_alive = False
        else:
            self._flush()
            self.abort()

    def _flush(self) -> None:
        """Write what has been answered, before the connection ends."""
        if self._writing is not None:
            self._writing.flush()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the socket is open, and TLS comes first if there is any."""
        self._socket = transport
        self._all.enter(self, transport.get_extra_info("peername")[0])
        if transport.is_closing():
            return  # there was no room
        if self._all.tls is None:
            self._begin(transport)
        else:
            transport.pause_reading()
            self._handshake = self.loop.create_task(self._secure(transport, self._all.tls))

    async def _secure(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        secure = None
        # Whatever strangers send instead of a handshake is their loss alone.
        with contextlib.suppress(OSError):
            if not transport.is_closing():
                secure = await self.loop.start_tls(
                    transport,
                    self,
                    tls,
                    server_side=True,
                    ssl_handshake_timeout=self._may_take.handshake,
                )
        self._handshake = None
        if secure is None or transport.is_closing():
            self.abort()
            return
        self._begin(secure)
        if self._early:
            early, self._early = self._early, b""
            self.data_received(early)

    def _begin(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(_WRITE_MARK)
        tls = transport.get_extra_info("ssl_object")
        shown = tls.getpeercert(binary_form=True) if tls and tls.context.verify_mode else None
        self.app_state = {**self.app_state, CLIENT_CERTIFICATE: shown}
        self._writing = GatheringTransport(transport, self.loop, lambda: self._is_sending)
        super().connection_made(self._writing)
        self.flow = PatientFlow(transport)
        self._due = self.loop.time() + self._may_take.head

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self.is_in_handshake:  # the first request may come with the end of the handshake
            self._early += data
            return
        if self.transport.is_closing():
            self._unread += len(data)
            if self._unread > _MOST_UNREAD:
                self.abort()
            return
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._has_cycle:
            self._is_in_head = False
            self._due = _NEVER  # of the body: see requests.read_body
            if not self.cycle.more_body:
                self.cycle.scope["state"][WHOLE] = True
        elif not self._is_in_head:
            self._is_in_head = True
            self._due = self.loop.time() + self._may_take.head

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the end."""
        self._is_in_head = False
        closing = self.transport.is_closing()
        self._due = self.loop.time() + self._may_take.close + (0 if closing else IDLE_SECONDS)
        if self._write_due == _NEVER:
            self._all.touch(self)
        super().on_response_complete()
        if self._has_cycle and not self.transport.is_closing():  # another request had arrived
            self._due = _NEVER

    def pause_writing(self) -> None:
        """Wait for a client that does not read, but not for ever."""
        self._write_due = self.loop.time() + self._may_take.write
        if self.flow is not None:
            super().pause_writing()

    def resume_writing(self) -> None:
        """Write on."""
        self._write_due = _NEVER
        if self.flow is not None:
            super().resume_writing()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Let a client that has asked, and has nothing more to ask, read its answer."""
        self._flush()
        has_asked = self._has_cycle and not self.cycle.more_body
        if has_asked:
            self.cycle.keep_alive = False
        return has_asked

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._all.leave(self)
        if not self.is_in_handshake:
            super().connection_lost(exc)
            self._unset_keepalive_if_required()  # else it would be remembered until that fires

    def send_400_response(self, msg: str) -> None:
        """Answer something that is not HTTP, and end."""
        super().send_400_response(msg)
        self._due = self.loop.time() + self._may_take.close


def connection_type(parser: type[asyncio.Protocol]) -> type[HttpConnection]:
    """Return the connection on one of the strict protocols."""
    return type("HttpConnection", (HttpConnection, parser), {})


def fastest_parser() -> type[asyncio.Protocol]:
    """Return the fastest of the strict protocols that is installed."""
    try:
        from zoneproof.serving.httptools_protocol import StrictHttpToolsProtocol
    except ImportError:  # the extra "speed" is not installed
        from zoneproof.serving.h11_protocol import StrictH11Protocol

        return StrictH11Protocol
    return StrictHttpToolsProtocol


def make_bounded(listener: socket.socket) -> None:
    """Bound what the kernel keeps for each connection of a listener, which inherits it."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
