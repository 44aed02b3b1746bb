"""UDP sockets that answer from the address that was asked, and the fastest that the system has."""

from __future__ import annotations

import contextlib
import socket

from zoneproof.challengedns.dns.udp_plain import PlainSocket, UdpSocket, is_wildcard

# Of Linux; the socket module has no names for them.
_IP_PKTINFO = 8
_MTU_DISCOVER = {
    socket.AF_INET: (socket.IPPROTO_IP, 10),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 23),
}
_PMTUDISC_PROBE = 3


def udp_socket(sock: socket.socket) -> UdpSocket:
    """Return the socket in the fastest form that the system has."""
    if is_wildcard(sock):
        _learn_what_is_asked(sock)
    _never_fragment(sock)
    try:
        from zoneproof.challengedns.dns.udp_batches import BatchSocket

        return BatchSocket(sock)
    except (ImportError, MemoryError, OSError):  # no ctypes, or not under this kernel's rules
        return PlainSocket(sock)


def _learn_what_is_asked(sock: socket.socket) -> None:
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _never_fragment(sock: socket.socket) -> None:
    """Send every reply whole, whatever ICMP says (RFC 9715 section 3.1).

    Whoever makes a server cut its replies by forged "too big" can put a second part of their own
    to the first, and so get a certificate for somebody else's name. A reply is short enough for
    every path of 1280 bytes; where one is not, a resolver that hears nothing asks by TCP.
    """
    with contextlib.suppress(OSError):  # another system
        sock.setsockopt(*_MTU_DISCOVER[sock.family], _PMTUDISC_PROBE)
