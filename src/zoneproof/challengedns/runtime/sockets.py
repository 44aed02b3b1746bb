"""Binds the service's addresses for DNS, before anything else is started."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from zoneproof.challengedns.config import Config
from zoneproof.core.errors import ConfigError
from zoneproof.serving.sockets import Endpoint, bind

_RECEIVE_BUFFER = 4 * 1024 * 1024  # bytes; packets wait there while a worker is being replaced
_WAKE_EVERY = struct.pack("@ll", 0, 200_000)  # seconds, microseconds
_UDP = (
    (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1),
    (socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER),
    (socket.SOL_SOCKET, socket.SO_RCVTIMEO, _WAKE_EVERY),
)
_ATTEMPTS = 20


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
            tcp = undo.enter_context(bind(endpoint, "DNS (TCP)"))
            bound = Endpoint.of(tcp)
            try:
                udp = tuple(
                    undo.enter_context(bind(bound, "DNS (UDP)", socket.SOCK_DGRAM, _UDP))
                    for _ in range(workers)
                )
            except ConfigError:
                if endpoint.port or attempt == _ATTEMPTS:
                    raise
                continue
            undo.pop_all()
            return DnsSockets(bound, udp, tcp)
    raise AssertionError("the last attempt returns or raises")


def remarks_on_families(config: Config) -> Iterator[str]:
    """Yield what to know of the addresses that a configuration listens at."""
    for key, endpoints in (("dns.listen", config.dns.listen), ("api.listen", config.api.listen)):
        everywhere = [each for each in endpoints if each.host == "::"]
        if everywhere and all(":" in each.host for each in endpoints):
            yield (
                f"'{key}': {everywhere[0]} is IPv6 only, and there is no IPv4 address beside it:"
                f" add '0.0.0.0:{everywhere[0].port}' to be reached by IPv4 too"
            )
