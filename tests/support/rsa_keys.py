"""RSA keys for tests, made once, and whether a signature is theirs."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)


@cache
def private_key(number: int) -> rsa.RSAPrivateKey:
    """Return a private key."""
    return rsa.generate_private_key(65537, 2048)


@cache
def private_pem(number: int) -> str:
    """Return it in PEM."""
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private_key(number).private_bytes(*form).decode()


@cache
def public_pem(number: int) -> str:
    """Return the public key of it."""
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private_key(number).public_key().public_bytes(*form).decode()


def number_of(pem: str) -> int:
    """Return which key it is, of the first five."""
    return next(i for i in range(5) if private_pem(i) == pem)


def is_signed(pem: str, signature: bytes, data: bytes, algorithm: str = "RS256") -> bool:
    """Tell whether the key with this public PEM signed the data."""
    used = {"256": hashes.SHA256(), "512": hashes.SHA512()}[algorithm[2:]]
    pss = padding.PSS(padding.MGF1(used), used.digest_size)
    public = load_pem_public_key(pem.encode())
    assert isinstance(public, rsa.RSAPublicKey)
    try:
        public.verify(
            signature, data, pss if algorithm.startswith("PS") else padding.PKCS1v15(), used
        )
    except InvalidSignature:
        return False
    return True


def read_jwt(token: str, pem: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return header and claims of a token, None if another key signed it."""
    head, _, signature = token.rpartition(".")
    header, claims = (json.loads(_decoded(part)) for part in head.split("."))
    signed = is_signed(pem, _decoded(signature), head.encode(), header["alg"])
    return (header, claims) if signed else None


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
