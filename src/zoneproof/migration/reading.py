"""Reads files that may be anything: text, folders, account keys, certificates."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from zoneproof.acme import AccountKey, parse_chain
from zoneproof.core import files
from zoneproof.core.errors import AcmeError, InvalidInputError, InvalidNameError
from zoneproof.core.names import Identifier
from zoneproof.core.text import printable
from zoneproof.core.toml import complaint

MOST_ENTRIES = 10_000  # of a folder, and folders of a tree
_DEEPEST = 12

T = TypeVar("T")


def unusable(path: Path, reason: str) -> InvalidInputError:
    """Return the error that says what is wrong with a file."""
    return InvalidInputError(f"{shown(path)}: {reason}")


def shown(path: Path) -> str:
    """Return a path as people may see it."""
    return printable(str(path))


def read_file(path: Path) -> bytes:
    """Return a regular file's content. Raises InvalidInputError, also for more than 1 MiB."""
    try:
        return files.read_file(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def key_permissions(path: Path) -> tuple[str, str]:
    """Return the group that may read a key, and the key's mode (octal); empty for its owner alone.

    Nobody beyond the group may read it here, whatever the mode was.
    """
    try:
        status = path.stat()
        mode = stat.S_IMODE(status.st_mode) & 0o660
        return (path.group() if mode & 0o060 else "", f"{mode:04o}" if mode & 0o060 else "")
    except (OSError, NotImplementedError):
        return "", ""
    except KeyError:  # a group without a name
        return str(status.st_gid), f"{mode:04o}"


def read_text(path: Path) -> str:
    """Return a UTF-8 file's text. Raises InvalidInputError."""
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unusable(path, "it is not UTF-8 text") from None


def read_json(path: Path, kind: type[T]) -> T:
    """Return a JSON file's content, in the form of ``kind``. Raises InvalidInputError."""
    try:
        return msgspec.json.decode(read_file(path), type=kind)
    except msgspec.ValidationError as error:
        problem = complaint(error, kind, table="an object")
        raise unusable(path, f"it is not of the form expected: {problem}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise unusable(path, "it is not JSON, or was cut off") from None


def list_folder(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted. Raises InvalidInputError."""
    entries: list[Path] = []
    try:
        for entry in folder.iterdir():
            entries.append(entry)
            if len(entries) > MOST_ENTRIES:
                raise unusable(folder, f"it holds more than {MOST_ENTRIES} files")
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error
    return sorted(entries)


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder, as far as this user can see."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def exists(path: Path) -> bool:
    """Tell whether there is anything, be it a link to nothing, as far as this user can see."""
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def folders_below(root: Path, problems: list[str]) -> Iterator[Path]:
    """Give ``root`` and every folder below it, also through links, but never in a circle.

    Folders that cannot be read are added to the problems. Raises InvalidInputError for a tree
    without measure.
    """
    left = MOST_ENTRIES

    def walk(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
        nonlocal left
        left -= 1
        if left < 0 or len(above) > _DEEPEST:
            raise unusable(root, "it has too many folders: check whether it is the right one")
        try:
            identity = _identity(folder)
            entries = list_folder(folder)
        except InvalidInputError as error:
            problems.append(error.message)
            return
        if identity in above:
            return
        yield folder
        for entry in entries:
            if is_folder(entry):
                yield from walk(entry, above | {identity})

    yield from walk(root, frozenset())


def _identity(folder: Path) -> tuple[int, int]:
    try:
        found = folder.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error
    return found.st_dev, found.st_ino


def _unreadable(path: Path, error: OSError | ValueError) -> InvalidInputError:
    if isinstance(error, PermissionError):
        return unusable(path, "this user cannot read it: run this as the user who can, often root")
    if isinstance(error, OSError):
        return unusable(path, f"it cannot be read: {error.strerror or 'unknown reason'}")
    return unusable(path, "no file can have this name")


_LONGEST_MEMBER = 1400  # characters: a number of 8192 bits, in base64url, has 1366


def pem_account_key(path: Path) -> AccountKey:
    """Read a PEM private key. Raises InvalidInputError."""
    return _read(path, AccountKey.from_pem)


def jwk_account_key(path: Path) -> AccountKey:
    """Read a private JSON Web Key. Raises InvalidInputError."""
    members = read_json(path, dict[str, Any])
    # Work with such numbers grows with the cube of their length.
    if any(len(value) > _LONGEST_MEMBER for value in members.values() if isinstance(value, str)):
        raise unusable(path, "its numbers are too long for an account key")
    return _read(path, AccountKey.from_jwk)


def _read(path: Path, parse: Callable[[bytes], AccountKey]) -> AccountKey:
    data = read_file(path)
    try:
        return parse(data)
    except InvalidInputError as error:
        raise unusable(path, error.message) from error


_EC_SIZES = (256, 384, 521)
_SHORTEST_RSA = 1024
_KEY = re.compile(
    r"(?:(?P<rsa>rsa)|ecdsa|ecc|ec|p|secp|prime)?[-_ ]*(?P<bits>\d{3,5})(?:r1|v1)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Leaf:
    """A certificate's names, and the kind of key (of :func:`zoneproof.acme.make_key`) for them.

    ``key_note`` says so where the next key is of another kind than the present one;
    ``top_issuer`` is the name of the root to which its chain leads.
    """

    identifiers: tuple[Identifier, ...]
    key_type: str
    key_note: str = ""
    top_issuer: str = ""


def read_leaf(path: Path) -> Leaf:
    """Read the first certificate of a PEM file. Raises InvalidInputError."""
    data = read_file(path)
    try:
        chain = parse_chain(data, str(path))
    except AcmeError:
        raise unusable(path, "it is not a PEM certificate with subject alternative names") from None
    try:
        identifiers = tuple(dict.fromkeys(Identifier.parse(name) for name in chain.names))
    except InvalidNameError as error:
        raise unusable(path, error.message) from None
    if not identifiers:
        raise unusable(path, "it has no host name and no IP address")
    key_type, key_note = _kind(chain.leaf.public_key())
    return Leaf(identifiers, key_type, key_note, chain.top_issuer)


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
    return "ec256", "its key type is not known: the next one will be ec256" if text else ""


def _changed(old: str, new: str) -> str:
    return f"its key is {old}, which Zoneproof does not make: the next one will be {new}"
