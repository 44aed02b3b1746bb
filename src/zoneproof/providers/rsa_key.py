"""Signatures with an RSA key that a service has made for its user, and tokens signed so (JWT)."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from zoneproof.core.errors import InvalidInputError

_HASHES: Mapping[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "512": hashes.SHA512()}


class RsaKey:
    """A private key in PEM, and what it signs. ``what`` names its field.

    Line breaks may be written as ``\\n``, as in JSON and environment variables. Raises
    InvalidInputError, which does not repeat the key.
    """

    def __init__(self, pem: str, what: str) -> None:
        text = pem.replace("\\n", "\n").strip()
        try:
            key = load_pem_private_key(text.encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise InvalidInputError(
                f"{what} is not an RSA private key in PEM without a passphrase: it begins with"
                " -----BEGIN and has several lines"
            )
        self._key = key

    def sign(self, data: bytes, algorithm: str = "RS256") -> bytes:
        """Return the signature: RS256, RS512 or PS256 (RFC 7518 section 3.1)."""
        used = _HASHES[algorithm[2:]]
        if algorithm.startswith("PS"):
            pss = padding.PSS(padding.MGF1(used), used.digest_size)
            return self._key.sign(data, pss, used)
        return self._key.sign(data, padding.PKCS1v15(), used)

    def jwt(self, claims: Mapping[str, object], algorithm: str = "RS256", key_id: str = "") -> str:
        """Return a signed token (RFC 7519); ``key_id`` says which key signed it."""
        header = {"alg": algorithm, "typ": "JWT", **({"kid": key_id} if key_id else {})}
        head = b".".join(_base64(msgspec.json.encode(part)) for part in (header, claims))
        return (head + b"." + _base64(self.sign(head, algorithm))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
