"""Answers from a small HTTP server of our own, which listens only while there is one to give."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence

from zoneproof.challenges import check_token
from zoneproof.errors import HttpResponderError, InvalidInputError
from zoneproof.http01.responder import Leftover
from zoneproof.http01.serving import Exchanges

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  the CA comes from anywhere
PORT = 80
_BACKLOG = 128
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class Listeners:
    """The sockets of one process: orders that answer at the same address and port share one."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], _Shared] = {}

    def listener(self, addresses: Sequence[str] = (), port: int = PORT) -> Listener:
        """Return a responder for IP addresses of this machine, without any for all of them.

        Raises InvalidInputError for something else than an IP address and a port.
        """
        for address in addresses:
            _family(address)
        if not 0 < port < 65536:
            raise InvalidInputError(f"{port} is no port to listen at: give 1 to 65535")
        shared = []
        for address in dict.fromkeys(addresses or EVERYWHERE):
            one = self._open.setdefault((address, port), _Shared(address, port))
            one.needed = one.needed or bool(addresses)
            shared.append(one)
        return Listener(shared)


class Listener:
    """A responder with its own tokens, at sockets that others may share. See :class:`Listeners`."""

    def __init__(self, shared: Sequence[_Shared]) -> None:
        self._shared = tuple(shared)
        self._tokens: set[str] = set()

    @property
    def where(self) -> str:
        """Where the answers are, for people."""
        return f"a listener at {' and '.join(map(str, self._shared))}"

    async def check(self) -> None:
        """See whether the ports can be used, without taking a connection."""
        usable = False
        for one in self._shared:
            found = None if one.is_listening else one.bind()
            if found is not None:
                found.close()
            usable = usable or one.is_listening or found is not None
        self._require(usable)

    def leftover(self, token: str) -> Leftover | None:
        """Return nothing: what listens ends with its process."""
        del token
        return None

    async def put(self, token: str, key_authorization: str) -> None:
        """Listen, unless that is done already, and answer for the token."""
        if check_token(token) not in self._tokens:
            self._tokens.add(token)
            try:
                for one in self._shared:
                    await one.hold(token, key_authorization)
                self._require(any(one.is_listening for one in self._shared))
            except HttpResponderError:
                await self.remove(token)
                raise

    async def remove(self, token: str) -> None:
        """Answer for the token no more; with the last one, stop listening."""
        if token in self._tokens:
            self._tokens.remove(token)
            for one in self._shared:
                await one.release(token)

    async def close(self) -> None:
        """Remove the tokens that are left."""
        for token in list(self._tokens):
            await self.remove(token)

    def _require(self, usable: bool) -> None:
        if not usable:
            raise _unusable(self._shared[0], OSError(errno.EADDRNOTAVAIL, "no such address"))


class _Shared:
    """One address and port, open while any token is held.

    Unless it is ``needed``, an address whose family this machine does not have is passed over.
    """

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.needed = False
        self._exchanges = Exchanges()
        self._server: asyncio.Server | None = None
        self._changing = asyncio.Lock()

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host} port {self.port}"

    @property
    def is_listening(self) -> bool:
        return self._server is not None

    async def hold(self, token: str, key_authorization: str) -> None:
        async with self._changing:
            self._exchanges.answers[token] = key_authorization
            if self._server is None:
                found = self.bind()
                if found is not None:
                    self._server = await asyncio.start_server(
                        self._exchanges.serve, sock=found, backlog=_BACKLOG
                    )

    async def release(self, token: str) -> None:
        async with self._changing:
            self._exchanges.answers.pop(token, None)
            if self._server is not None and not self._exchanges.answers:
                self._server.close()
                self._server = None
                await self._exchanges.stop()

    def bind(self) -> socket.socket | None:
        """Return a bound socket, None for a family that is not here and not needed."""
        found = None
        try:
            found = socket.socket(_family(self.address), socket.SOCK_STREAM)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if found.family == socket.AF_INET6:
                found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            found.bind((self.address, self.port))
            # Linux lets two bind with SO_REUSEADDR as long as neither listens.
            found.listen(_BACKLOG)
        except OSError as error:
            if found is not None:
                found.close()
            if error.errno in _NO_SUCH_FAMILY and not self.needed:
                return None
            raise _unusable(self, error) from error
        return found


def _family(address: str) -> socket.AddressFamily:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
        except OSError:
            continue
        return family
    raise InvalidInputError(f"'{address[:80]}' is no IP address to listen at")


def _unusable(shared: _Shared, error: OSError) -> HttpResponderError:
    match error.errno:
        case errno.EADDRINUSE:
            advice = (
                "another program listens there: if it is a web server, use its webroot, else stop"
                " the program meanwhile"
            )
        case errno.EACCES | errno.EPERM:
            advice = (
                "this user may not use the port: run this as root, give it the capability"
                " CAP_NET_BIND_SERVICE, or use a webroot"
            )
        case errno.EADDRNOTAVAIL:
            advice = "this machine does not have the address: name one of its own"
        case _:
            advice = f"{error.strerror}"
    return HttpResponderError(f"cannot listen at {shared}: {advice}")
