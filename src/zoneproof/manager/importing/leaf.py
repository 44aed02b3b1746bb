"""Reads from a certificate what it is for and what kind of key it has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from zoneproof.acme import parse_chain
from zoneproof.errors import AcmeError, InvalidInputError, InvalidNameError
from zoneproof.manager.importing.reading import read_file, unusable
from zoneproof.names import Identifier

_EC_SIZES = (256, 384, 521)
_SHORTEST_RSA = 1024
_KEY = re.compile(
    r"(?:(?P<rsa>rsa)|ecdsa|ecc|ec|p|secp|prime)?[-_ ]*(?P<bits>\d{3,5})(?:r1|v1)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Leaf:
    """A certificate's names, and the kind of key (of :func:`zoneproof.acme.make_key`) for them.

    ``key_note`` says so where the next key is of another kind than the present one.
    """

    identifiers: tuple[Identifier, ...]
    key_type: str
    key_note: str = ""


def read_leaf(path: Path) -> Leaf:
    """Read the first certificate of a PEM file. Raises InvalidInputError."""
    data = read_file(path)
    try:
        chain = parse_chain(data, str(path))
    except AcmeError:
        raise unusable(path, "it is no PEM certificate with subject alternative names") from None
    try:
        identifiers = tuple(dict.fromkeys(Identifier.parse(name) for name in chain.names))
    except InvalidNameError as error:
        raise unusable(path, error.message) from None
    if not identifiers:
        raise unusable(path, "it is for no host name and no IP address")
    return Leaf(identifiers, *_kind(chain.leaf.public_key()))


def _kind(key: object) -> tuple[str, str]:
    if isinstance(key, rsa.RSAPublicKey):
        return rsa_kind(key.key_size)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return ec_kind(key.key_size)
    return "ec256", "its key is neither EC nor RSA: the next one will be ec256"


def find_leaf(path: Path) -> Leaf | None:
    """Return what :func:`read_leaf` does, None where there is no certificate that can be read."""
    try:
        return read_leaf(path)
    except InvalidInputError:
        return None


def rsa_kind(bits: int) -> tuple[str, str]:
    """Return the key type nearest to an RSA key of ``bits``, and a note unless it is the same."""
    kind = next((size for size in (2048, 3072) if bits <= size), 4096)
    return f"rsa{kind}", "" if bits == kind else _changed(f"RSA with {bits} bits", f"rsa{kind}")


def ec_kind(bits: int) -> tuple[str, str]:
    """Return the key type nearest to an EC key of ``bits``, and a note unless it is the same."""
    kind = 256 if bits <= 256 else 384
    return f"ec{kind}", "" if bits == kind else _changed(f"EC with {bits} bits", f"ec{kind}")


def key_kind(text: str, present: Leaf | None) -> tuple[str, str]:
    """Return the key type that a client's setting means, and a note unless it is just that.

    Any spelling will do (``ec-256``, ``P-256``, ``prime256v1``, ``RSA 2048``, ``2048``). Where it
    says nothing of use, the key is as that of the ``present`` certificate, and without one ec256.
    """
    found = _KEY.fullmatch(text.strip())
    bits = int(found["bits"]) if found else 0
    if found and bits in _EC_SIZES and not found["rsa"]:
        return ec_kind(bits)
    if found and bits >= _SHORTEST_RSA:
        return rsa_kind(bits)
    if present:
        return present.key_type, present.key_note
    return "ec256", "the kind of its key is not known: the next one will be ec256" if text else ""


def _changed(old: str, new: str) -> str:
    return f"its key is {old}, which Zoneproof does not make: the next one will be {new}"
