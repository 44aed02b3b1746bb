"""Certificates that nobody vouches for, for servers of tests and for what is stored."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_SIGNS_ALL = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def self_signed(
    *names: str, key: Key | None = None, days: tuple[float, float] = (-1, 89), is_ca: bool = False
) -> tuple[x509.Certificate, Key]:
    """Return a certificate for DNS names and IP addresses, and its key.

    It is valid from the first to the second of ``days``, as counted from now.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName(list(map(_general_name, names))), False)
    )
    if is_ca:
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .add_extension(_SIGNS_ALL, True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
    return builder.sign(key, SHA256()), key


def key_pem(key: Key) -> bytes:
    """Return the key in PKCS #8, as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate(folder: Path, *, days: int = 0) -> tuple[Path, ssl.SSLContext]:
    """Return a PEM file to trust, and what a server at 127.0.0.1 needs.

    It is valid a day around the moment that is so many days ahead.
    """
    made, key = self_signed("127.0.0.1", days=(days - 1, days + 1), is_ca=True)
    bundle, private = folder / "ca.pem", folder / "key.pem"
    bundle.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, private)
    return bundle, context


def write_certificate(folder: Path, name: str, *, days: tuple[float, float] = (-0.1, 0.1)) -> bytes:
    """Write cert.pem and key.pem, and return the certificate as DER."""
    made, key = self_signed(name, days=days)
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key_pem(key))
    return made.public_bytes(Encoding.DER)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
