"""What was found in the files of many certificates, so that what did not change is not read again.

It is kept for good files only, in one file of the home. That is a mere saving: whoever cannot read
it, or write it, reads the certificates.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from zoneproof.core.files import open_file

_STAMP = struct.Struct("=5Q")
_FRESH_SECONDS = 2.0  # a file may change again without a new time; no clock of a disk is coarser
_Known = dict[str, tuple[bytes, bytes]]


class KnownFiles:
    """The certificate that a folder held, as long as its files are the same ones, unchanged."""

    def __init__(self, path: Path) -> None:
        """Use what stands in the file at ``path``; nothing if there is none or it is damaged."""
        self._path = path
        self._known: _Known = {}
        self._good: set[str] = set()  # of this run; the others are forgotten
        self._is_changed = False
        with suppress(OSError, msgspec.DecodeError), open_file(path) as file:
            self._known = msgspec.msgpack.decode(file.read(), type=_Known)

    def find(self, name: str, stamp: bytes) -> x509.Certificate | None:
        """Return the certificate that was found good when the files had this stamp."""
        known_stamp, der = self._known.get(name, (b"", b""))
        if not stamp or stamp != known_stamp:
            return None
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            return None
        self._good.add(name)
        return certificate

    def note(self, name: str, stamp: bytes, certificate: x509.Certificate) -> None:
        """Remember what was found good."""
        if stamp:
            self._known[name] = stamp, certificate.public_bytes(Encoding.DER)
            self._good.add(name)
            self._is_changed = True

    def save(self) -> None:
        """Keep what this run found good for the next one, if that is new and can be written."""
        kept = {name: one for name, one in self._known.items() if name in self._good}
        if not self._is_changed and len(kept) == len(self._known):
            return
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with suppress(OSError):
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
                with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
                    file.write(msgspec.msgpack.encode(kept))
                temporary.replace(self._path)
            finally:
                temporary.unlink(missing_ok=True)


def stamp_of(paths: list[str], now: float) -> bytes:
    """Return what changes whenever one of the files does; empty if that cannot be relied on.

    A file may be missing. To be called before the files are read, with the time in seconds.
    """
    newest_allowed = now - _FRESH_SECONDS
    stamps = []
    for path in paths:
        try:
            found = os.stat(path)  # noqa: PTH116  ten thousand times five
        except OSError:
            stamps.append(bytes(_STAMP.size))
            continue
        if found.st_ctime > newest_allowed:
            return b""
        stamps.append(
            _STAMP.pack(
                found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
            )
        )
    return b"".join(stamps)
