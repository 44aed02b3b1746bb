"""Keys, and the form of what they seal.

A sealed secret is ``version (1) | key id (8) | nonce (12) | ciphertext | tag (16)`` in bytes.
Version, key id and the caller's context are authenticated with it (AES-256-GCM's additional data,
NIST SP 800-38D), so that a secret moved to another row, column or key does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from contextlib import suppress

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zoneproof.core.errors import VaultError
from zoneproof.core.secretive import Secretive

_VERSION = 1
_KEY_BYTES = 32
_ID_BYTES = 8
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER_BYTES = 1 + _ID_BYTES


class Key(Secretive, frozen=True):
    """A key of 32 random bytes. Its ``id``, 16 hexadecimal digits, may be shown to anybody."""

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != _KEY_BYTES:
            raise ValueError(f"a key has {_KEY_BYTES} bytes, not {len(self.secret)}")

    @classmethod
    def new(cls) -> Key:
        """Make a key from the system's random numbers."""
        return cls(os.urandom(_KEY_BYTES))

    @classmethod
    def from_text(cls, text: str) -> Key:
        """Read base64 of 32 bytes. Raises ValueError, which does not show the text."""
        secret = b""
        with suppress(binascii.Error):
            secret = base64.b64decode(text.encode("ascii", "replace"), validate=True)
        return cls(secret)

    def to_text(self) -> str:
        """Return base64 of the 32 bytes."""
        return base64.b64encode(self.secret).decode("ascii")

    @property
    def id(self) -> str:
        """A fingerprint of the key, which says nothing about its bytes."""
        digest = hashlib.sha256(b"zoneproof vault key\0" + self.secret)
        return digest.digest()[:_ID_BYTES].hex()


def key_id_of(sealed: bytes) -> str:
    """Return the id of the key that sealed this. Raises VaultError if it is not a sealed secret."""
    if sealed and sealed[0] != _VERSION:
        raise VaultError(
            f"a stored secret has a form that this Zoneproof does not know (version {sealed[0]}):"
            " update Zoneproof, or restore the database from a backup"
        )
    if len(sealed) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES:
        raise VaultError("a stored secret is cut short: restore the database from a backup")
    return sealed[1:_HEADER_BYTES].hex()


class Keyring(msgspec.Struct, frozen=True):
    """One or more keys, the newest last: it seals, and each of them opens what it sealed.

    ``source`` says in errors where the keys come from.
    """

    keys: tuple[Key, ...]
    source: str

    @property
    def newest(self) -> Key:
        """The key that seals."""
        return self.keys[-1]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the newest last."""
        return tuple(key.id for key in self.keys)

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt with the newest key; only the same ``context`` opens it again.

        ``context`` says where the secret is kept, as ``table|id|column``. Nonces are random, which
        is safe for some 2**32 secrets under one key (NIST SP 800-38D section 8.3).
        """
        header = bytes([_VERSION]) + bytes.fromhex(self.newest.id)
        nonce = os.urandom(_NONCE_BYTES)
        aead = AESGCM(self.newest.secret)
        return header + nonce + aead.encrypt(nonce, plaintext, header + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt. Raises VaultError, which names the context and never what was sealed."""
        key_id = key_id_of(sealed)
        key = next((key for key in self.keys if key.id == key_id), None)
        if key is None:
            raise VaultError(
                f"a stored secret was sealed with the vault key {key_id}, but {self.source} holds"
                f" {', '.join(self.ids)}: add the key {key_id} before it"
            )
        header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:][:_NONCE_BYTES]
        ciphertext = sealed[_HEADER_BYTES + _NONCE_BYTES :]
        try:
            return AESGCM(key.secret).decrypt(nonce, ciphertext, header + context.encode())
        except InvalidTag as error:
            raise VaultError(
                f"the secret {context} was changed since it was stored, or belongs elsewhere:"
                " restore the database from a backup, or set this secret again"
            ) from error
