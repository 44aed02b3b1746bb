"""Where a server listens: addresses and ports, binding them, and whose they are already."""

from __future__ import annotations

import errno
import ipaddress
import itertools
import os
import re
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from zoneproof.core.errors import ConfigError

BACKLOG: Final = 4096
"""How many connections wait in the kernel; its own limit is net.core.somaxconn."""

_ENDPOINT = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+)):(\d{1,5})")
_MAX_PORT = 65535

_TCP_LISTEN = "0A"
_ADDRESS, _STATE, _INODE = 1, 3, 9  # columns of /proc/net/tcp (proc(5))
_PROGRAM_WITHIN = 4  # words of a command line, as in ``python -P -m zoneproof``
_WORD = 4  # bytes; /proc/net shows addresses as words of the processor's byte order

SocketOption = tuple[int, int, int | bytes]
"""Level, name and value, as ``setsockopt`` takes them."""


@dataclass(frozen=True)
class Endpoint:
    """An IP address and a port to listen at; port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read ``192.0.2.1:53`` or ``[2001:db8::1]:53``. Raises ValueError."""
        match = _ENDPOINT.fullmatch(text)
        if match and int(match[3]) <= _MAX_PORT:
            try:
                address = ipaddress.ip_address(match[1] or match[2])
            except ValueError:
                pass
            else:
                if (address.version == 6) == bool(match[1]):
                    return cls(str(address), int(match[3]))
        raise ValueError(
            f"'{text}' is not an address and port: write it as 192.0.2.1:53 or [2001:db8::1]:53"
        )

    @classmethod
    def of(cls, sock: socket.socket) -> Endpoint:
        """Return where a socket listens."""
        return cls(*sock.getsockname()[:2])


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


def bind(
    endpoint: Endpoint,
    purpose: str,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    options: Iterable[SocketOption] = (),
) -> socket.socket:
    """Bind a TCP listener, or a UDP socket. Raises ConfigError, naming address and purpose."""
    is_tcp = kind == socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    # Named, since asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    protocol = socket.IPPROTO_TCP if is_tcp else socket.IPPROTO_UDP
    try:
        sock = socket.socket(family, kind, protocol)
        try:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if is_tcp:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for level, name, value in options:
                sock.setsockopt(level, name, value)
            sock.bind((endpoint.host, endpoint.port))
            if is_tcp:
                sock.listen(BACKLOG)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        reason = _HELP.get(error.errno or 0) or os.strerror(error.errno or 0)
        if error.errno == errno.EADDRINUSE:
            who = port_owner(endpoint, "tcp" if is_tcp else "udp")
            reason += f"; it is {who}" if who else ""
            if endpoint == _ALL_AT_53 and (not who or _RESOLVED in who):
                reason += _HELP_AT_53
        raise ConfigError(f"cannot listen on {endpoint} for {purpose}: {reason}") from error
    return sock


def drop_unsent(sock: socket.socket) -> None:
    """Let a socket that is about to be closed forget what has not been taken from it.

    Else the kernel would keep that for minutes for a client that does not read. Raises OSError.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def port_owner(endpoint: Endpoint, transport: Literal["tcp", "udp"]) -> str:
    """Return the programs whose sockets keep others from listening at an address and port.

    The form is ``name (process 12)``; empty if unknown. Of our own processes it is the one that
    has started the others, by its command: ``zoneproof challenge serve (process 12)``.
    """
    inodes = set(_inodes(endpoint, transport))
    if not inodes:
        return ""
    found = {
        _called(process)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and int(process.name) != os.getpid()
        if inodes & set(_sockets(process))
    }
    return ", ".join(sorted(found))


def _inodes(endpoint: Endpoint, transport: str) -> list[str]:
    wanted = ipaddress.ip_address(endpoint.host)
    own_table = transport if wanted.version == 4 else f"{transport}6"
    found = [
        inode
        for address, inode in _listeners(own_table, endpoint.port)
        if address == wanted or address.is_unspecified or wanted.is_unspecified
    ]
    if found or wanted.version == 6:
        return found
    # A socket for IPv6 may take IPv4 too; which of them do is not shown.
    return [
        inode
        for address, inode in _listeners(f"{transport}6", endpoint.port)
        if address.is_unspecified or getattr(address, "ipv4_mapped", None) == wanted
    ]


def _listeners(
    table: str, port: int
) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, str]]:
    try:
        lines = Path("/proc/net", table).read_text().splitlines()[1:]
    except OSError:
        return
    for columns in map(str.split, lines):
        listens = table.startswith("udp") or columns[_STATE] == _TCP_LISTEN
        address, _, at = columns[_ADDRESS].rpartition(":")
        if listens and int(at, 16) == port:
            yield _parse(bytes.fromhex(address)), f"socket:[{columns[_INODE]}]"


def _parse(packed: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if sys.byteorder == "little":
        words = [packed[at : at + _WORD][::-1] for at in range(0, len(packed), _WORD)]
        packed = b"".join(words)
    return ipaddress.ip_address(packed)


def _sockets(process: Path) -> Iterator[str]:
    try:
        for descriptor in (process / "fd").iterdir():
            yield str(descriptor.readlink())
    except OSError:
        return  # another user's process, or one that has just ended


def _called(process: Path) -> str:
    try:
        name = (process / "comm").read_text().strip()
        if command := _own_command(process):
            # Its worker may be all that can be seen: whoever has given up root's rights hides.
            while above := _own_command(parent := process.with_name(_parent(process))):
                process, command = parent, above
            name = command
    except OSError:  # it has just ended
        name = "a program"
    return f"{name} (process {process.name})"


def _own_command(process: Path) -> str:
    """Return the command that a process of ours runs, without options; empty for any other."""
    try:
        words = (process / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return ""
    for at, word in enumerate(words[:_PROGRAM_WITHIN]):
        is_module = at > 0 and words[at - 1] == "-m"
        is_script = at == 0 or (at == 1 and Path(words[0]).name.startswith("python"))
        name = word.partition(".")[0] if is_module else Path(word).name if is_script else ""
        if name == "zoneproof":
            after = itertools.takewhile(lambda each: each and each[0] != "-", words[at + 1 :])
            return " ".join(["zoneproof", *itertools.islice(after, 2)])
    return ""


def _parent(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[1]
