"""Reads from a certificate what it is for and what kind of key it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from zoneproof.acme import parse_chain
from zoneproof.errors import AcmeError, InvalidNameError
from zoneproof.manager.importing.reading import read_file, unusable
from zoneproof.names import Identifier


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


def rsa_kind(bits: int) -> tuple[str, str]:
    """Return the key type nearest to an RSA key of ``bits``, and a note unless it is the same."""
    kind = next((size for size in (2048, 3072) if bits <= size), 4096)
    return f"rsa{kind}", "" if bits == kind else _changed(f"RSA with {bits} bits", f"rsa{kind}")


def ec_kind(bits: int) -> tuple[str, str]:
    """Return the key type nearest to an EC key of ``bits``, and a note unless it is the same."""
    kind = 256 if bits <= 256 else 384
    return f"ec{kind}", "" if bits == kind else _changed(f"EC with {bits} bits", f"ec{kind}")


def _changed(old: str, new: str) -> str:
    return f"its key is {old}, which Zoneproof does not make: the next one will be {new}"
