"""DNS constants, names and records as they are on the wire (RFC 1035).

Names are held in lower case: ``b"\\x07example\\x03org\\x00"``.
"""

from __future__ import annotations

from typing import Final

import msgspec

HEADER_LENGTH: Final = 12
UDP_LIMIT: Final = 512
EDNS_LIMIT: Final = 1232
TCP_LIMIT: Final = 65535

QUERY: Final = 0
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH, BADVERS = 0, 1, 2, 3, 4, 5, 9, 16
A, NS, CNAME, SOA, HINFO, TXT, AAAA, OPT, DS, TSIG, IXFR, AXFR, ANY = (
    1,
    2,
    5,
    6,
    13,
    16,
    28,
    41,
    43,
    250,
    251,
    252,
    255,
)
IN: Final = 1


class RRset(msgspec.Struct, frozen=True, array_like=True):
    """Records of one owner and type; ``rdatas`` are on-the-wire and uncompressed."""

    owner: bytes
    rdtype: int
    ttl: int
    rdatas: tuple[bytes, ...]


def counted(text: str) -> bytes:
    """Return a label or a TXT string, which look the same on the wire."""
    return len(text).to_bytes(1, "big") + text.encode("ascii")


def to_wire(name: str) -> bytes:
    """Return a name given as lower-case A-labels without a trailing dot."""
    labels = name.split(".") if name else []
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in labels) + b"\0"


def to_text(name: bytes) -> str:
    """Return a name for people, without a trailing dot."""
    labels = []
    while name[0]:
        labels.append(name[1 : 1 + name[0]].decode("ascii", "backslashreplace"))
        name = parent(name)
    return ".".join(labels)


def parent(name: bytes) -> bytes:
    """Return the name without its leftmost label; not for the root."""
    return name[1 + name[0] :]
