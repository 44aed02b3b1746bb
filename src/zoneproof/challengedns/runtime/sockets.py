"""Binds every address of the service, before anything else is started."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from zoneproof.challengedns.config import Endpoint
from zoneproof.challengedns.runtime.port_owner import port_owner
from zoneproof.core.errors import ConfigError

_RECEIVE_BUFFER = 4 * 1024 * 1024  # bytes; packets wait there while a worker is being replaced
_WAKE_EVERY = struct.pack("@ll", 0, 200_000)  # seconds, microseconds
_BACKLOG = 4096  # the kernel's own limit, net.core.somaxconn
_ATTEMPTS = 20
_ALL_AT_53 = Endpoint("0.0.0.0", 53)  # noqa: S104
_RESOLVED = "systemd-resolve"
_HELP_AT_53 = (
    "; systemd-resolved has port 53 at 127.0.0.53 alone: name this machine's other addresses"
    " instead of 0.0.0.0"
)
_HELP = {
    errno.EADDRINUSE: "another program listens there: stop it or choose another port",
    errno.EACCES: "ports below 1024 need root or the capability CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
    errno.EAFNOSUPPORT: "this machine has no such addresses",
}


@dataclass(frozen=True)
class DnsSockets:
    """The sockets of one listen address: one UDP socket for each worker, one TCP listener."""

    endpoint: Endpoint
    udp: tuple[socket.socket, ...]
    tcp: socket.socket

    def close(self) -> None:
        """Close them."""
        for sock in (*self.udp, self.tcp):
            sock.close()


def bind_dns(endpoint: Endpoint, workers: int) -> DnsSockets:
    """Bind UDP and TCP at one port. Raises ConfigError, naming the address."""
    for attempt in range(1, _ATTEMPTS + 1):
        with contextlib.ExitStack() as undo:
            # TCP comes first and is not shared, so a second service at this address fails here.
            tcp = undo.enter_context(_bind("DNS (TCP)", endpoint, socket.SOCK_STREAM))
            bound = endpoint_of(tcp)
            try:
                udp = tuple(
                    undo.enter_context(_bind("DNS (UDP)", bound, socket.SOCK_DGRAM))
                    for _ in range(workers)
                )
            except ConfigError:
                if endpoint.port or attempt == _ATTEMPTS:
                    raise
                continue
            undo.pop_all()
            return DnsSockets(bound, udp, tcp)
    raise AssertionError("the last attempt returns or raises")


def bind_api(endpoint: Endpoint, purpose: str = "the API") -> socket.socket:
    """Bind a TCP listener. Raises ConfigError, naming the address and the purpose."""
    return _bind(purpose, endpoint, socket.SOCK_STREAM)


def remark_on_families(key: str, endpoints: Sequence[Endpoint]) -> str:
    """Return what to know of the addresses at the key of the configuration; empty if nothing."""
    everywhere = [each for each in endpoints if each.host == "::"]
    if not everywhere or any(":" not in each.host for each in endpoints):
        return ""
    return (
        f"'{key}': {everywhere[0]} is IPv6 only, and there is no IPv4 address beside it: add"
        f" '0.0.0.0:{everywhere[0].port}' to be reached by IPv4 too"
    )


def endpoint_of(sock: socket.socket) -> Endpoint:
    """Return where a socket listens."""
    host, port = sock.getsockname()[:2]
    return Endpoint(host, port)


def _bind(purpose: str, endpoint: Endpoint, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    # Named, since asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    protocol = socket.IPPROTO_TCP if kind == socket.SOCK_STREAM else socket.IPPROTO_UDP
    try:
        sock = socket.socket(family, kind, protocol)
        try:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _WAKE_EVERY)
            sock.bind((endpoint.host, endpoint.port))
            if kind == socket.SOCK_STREAM:
                sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        reason = _HELP.get(error.errno or 0) or os.strerror(error.errno or 0)
        if error.errno == errno.EADDRINUSE:
            who = port_owner(endpoint, "tcp" if kind == socket.SOCK_STREAM else "udp")
            reason += f"; it is {who}" if who else ""
            if endpoint == _ALL_AT_53 and (not who or _RESOLVED in who):
                reason += _HELP_AT_53
        raise ConfigError(f"cannot listen at {endpoint} for {purpose}: {reason}") from error
    return sock
