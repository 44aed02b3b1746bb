"""Looks at the files of a certificate, whoever put them there, and says why they cannot be used."""

from __future__ import annotations

from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from zoneproof.acme import CertificateChain, parse_chain, public_der, read_csr
from zoneproof.core.errors import AcmeError, InvalidInputError
from zoneproof.core.files import exists, is_missing, read_file

FILES = ("fullchain.pem", "cert.pem", "chain.pem", "csr.pem", "privkey.pem")


class OnDisk(msgspec.Struct, frozen=True):
    """What ``live/<name>`` holds. ``problem`` says why it cannot be used, empty if it can."""

    certificate: x509.Certificate | None
    problem: str = ""


def read_live(folder: Path) -> OnDisk:
    """Return what a folder of ``live`` holds, whoever put it there; never raises."""
    if is_missing(folder):
        return OnDisk(None, "there is no certificate yet")
    if not exists(folder):
        return OnDisk(
            None,
            f"this user cannot look into {folder}: run this as the user who owns it, or give that"
            " folder and those above it to this user",
        )
    pem, problem = _content(folder / "fullchain.pem")
    if problem:
        return OnDisk(None, problem)
    try:
        chain = parse_chain(pem, str(folder))
        certificate = chain.leaf
        found = public_der(certificate.public_key())
    except (AcmeError, ValueError):
        return OnDisk(None, f"{folder / 'fullchain.pem'} contains no complete certificates")
    problem = _problem_of_parts(folder, pem, chain)
    if problem:
        return OnDisk(certificate, problem)
    if exists(folder / "csr.pem"):
        problem = _problem_of_csr(folder / "csr.pem", found)
        if not (problem and exists(folder / "privkey.pem")):
            return OnDisk(certificate, problem)
    key_pem, problem = _content(folder / "privkey.pem")
    if problem:
        return OnDisk(certificate, problem)
    try:
        key = load_pem_private_key(key_pem, None, unsafe_skip_rsa_key_validation=True)
        public = public_der(key.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return OnDisk(certificate, f"{folder / 'privkey.pem'} holds no private key")
    if public != found:
        return OnDisk(certificate, f"{folder / 'privkey.pem'} is not the key of fullchain.pem")
    return OnDisk(certificate)


def _problem_of_parts(folder: Path, fullchain: bytes, chain: CertificateChain) -> str:
    """Say why ``cert.pem`` and ``chain.pem`` are not what ``fullchain.pem`` holds together."""
    parts = []
    for file in ("cert.pem", "chain.pem"):
        pem, problem = _content(folder / file)
        if problem:
            return problem
        parts.append(pem)
    if b"".join(parts) == fullchain:
        return ""
    for file, pem, wanted in zip(
        ("cert.pem", "chain.pem"),
        parts,
        (chain.certificates[:1], chain.certificates[1:]),
        strict=True,
    ):
        try:
            found = parse_chain(pem, file).certificates if pem.strip() else ()
        except AcmeError:
            return f"{folder / file} contains no complete certificates"
        if found != wanted:
            return f"{folder / file} is not a part of fullchain.pem: one of the two was exchanged"
    return ""


def _problem_of_csr(path: Path, public_key: bytes) -> str:
    """Say why a certificate for the key is not the one that the request asks for."""
    pem, problem = _content(path)
    if problem:
        return problem
    try:
        csr = read_csr(pem, str(path))
    except InvalidInputError as error:
        return error.message
    return "" if csr.public_key == public_key else f"{path} is not for the key of fullchain.pem"


def _content(path: Path) -> tuple[bytes, str]:
    try:
        return read_file(path), ""
    except FileNotFoundError:
        return b"", f"{path} is missing"
    except OSError as error:
        return b"", f"{path} cannot be read: {error.strerror}"
