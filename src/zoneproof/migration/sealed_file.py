"""Encrypted archives: files with a document that one passphrase opens.

A file is ``magic (18) | version (1) | salt (16) | nonce (12) | length (8, big-endian) |
ciphertext and tag``. Scrypt (RFC 7914, N 2**17, r 8, p 1) makes the key of AES-256-GCM (NIST SP
800-38D) from the passphrase and the salt; all before the ciphertext is authenticated with it.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import read_named

MAX_BYTES = 64 * 1024 * 1024
SHORTEST_PASSPHRASE = 12  # characters
_MAGIC = b"zoneproof archive\n"
_VERSION = 1
_SALT = 16
_NONCE = 12
_LENGTH = 8
_TAG = 16
_HEADER = len(_MAGIC) + 1 + _SALT + _NONCE + _LENGTH


@dataclass(frozen=True)
class SealedFile:
    """An encrypted document; ``where`` names the file in errors."""

    where: str
    header: bytes = field(repr=False)
    body: bytes = field(repr=False)

    def open(self, passphrase: str) -> bytes:
        """Return the document. Raises InvalidInputError."""
        nonce = self.header[-_LENGTH - _NONCE : -_LENGTH]
        salt = self.header[len(_MAGIC) + 1 :][:_SALT]
        try:
            return AESGCM(_key(passphrase, salt)).decrypt(nonce, self.body, self.header)
        except InvalidTag as error:
            raise InvalidInputError(
                f"{self.where} does not open with this passphrase: try again; if the passphrase is "
                "right, the file was changed: use another copy"
            ) from error


def seal(document: bytes, passphrase: str) -> bytes:
    """Return the bytes of the encrypted file. Raises InvalidInputError."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise InvalidInputError(
            f"the passphrase is too short: it guards every key, so use {SHORTEST_PASSPHRASE}"
            " characters or more"
        )
    if _HEADER + len(document) + _TAG > MAX_BYTES:
        raise InvalidInputError(
            f"there is more to export than the {MAX_BYTES // 2**20} MiB that fit in an archive:"
            " omit --with-certificates and copy the folders live and archive yourself"
        )
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    length = (len(document) + _TAG).to_bytes(_LENGTH, "big")
    header = _MAGIC + bytes([_VERSION]) + salt + nonce + length
    return header + AESGCM(_key(passphrase, salt)).encrypt(nonce, document, header)


def read(path: Path) -> SealedFile:
    """Read a file and take it apart. Raises InvalidInputError for what no passphrase opens."""
    return parse(read_named(path, MAX_BYTES), str(path))


def parse(data: bytes, where: str) -> SealedFile:
    """Take the file apart. Raises InvalidInputError for what no passphrase could open."""
    if not data.startswith(_MAGIC):
        raise InvalidInputError(
            f"{where} is not a Zoneproof archive: give a file that 'zoneproof export' wrote"
        )
    version = data[len(_MAGIC)] if len(data) > len(_MAGIC) else _VERSION
    if version != _VERSION:
        raise InvalidInputError(
            f"{where} was written by a newer Zoneproof (version {version} of its form, this"
            f" program knows {_VERSION}): update Zoneproof"
        )
    header, body = data[:_HEADER], data[_HEADER:]
    length = int.from_bytes(header[-_LENGTH:], "big")
    if len(header) < _HEADER or len(body) != length or length < _TAG:
        raise InvalidInputError(f"{where} is incomplete: copy or download it again")
    return SealedFile(where, header, body)


def _key(passphrase: str, salt: bytes) -> bytes:
    # The same passphrase can come from keyboards that write letters with accents in two ways.
    text = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
    return Scrypt(salt=salt, length=32, n=2**17, r=8, p=1).derive(text)
