"""Certificate keys and certificate signing requests (RFC 2986, RFC 8555 section 7.4)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from zoneproof.errors import InvalidInputError
from zoneproof.names import Identifier

CertificateKeyKind: TypeAlias = Literal["ec256", "ec384", "rsa2048", "rsa3072", "rsa4096"]
CertificateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_MAKERS: Mapping[str, Callable[[], CertificateKey]] = {
    "ec256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa4096": lambda: rsa.generate_private_key(65537, 4096),
}


def make_key(kind: str = "ec256") -> CertificateKey:
    """Make a key for a certificate, of a :data:`CertificateKeyKind`.

    Raises InvalidInputError.
    """
    maker = _MAKERS.get(kind)
    if maker is None:
        raise InvalidInputError(f"'{kind}' is no kind of key: use {', '.join(_MAKERS)}")
    return maker()


def kind_of_key(key: CertificateKey) -> str:
    """Return the key's :data:`CertificateKeyKind`, or what it would be called."""
    family = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ec"
    return f"{family}{key.key_size}"


def key_from_pem(pem: bytes) -> CertificateKey:
    """Read an unencrypted PEM private key. Raises InvalidInputError, without the content."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInputError("the certificate key is no unencrypted PEM private key") from None
    if isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        return key
    raise InvalidInputError("CAs issue no certificates for keys of this kind: use EC or RSA")


def make_csr(key: CertificateKey, identifiers: Sequence[Identifier]) -> bytes:
    """Return a DER signing request for exactly these identifiers, as subject alternative names.

    The subject stays empty: a common name is optional (RFC 8555 section 7.4), can only hold 64
    characters, and the CAs' newer profiles leave it out anyway.
    """
    names: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(identifier.value))
        if identifier.type == "ip"
        else x509.DNSName(identifier.value)
        for identifier in identifiers
    ]
    digest = hashes.SHA384() if key.key_size == 384 else hashes.SHA256()
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, digest)
    )
    return request.public_bytes(serialization.Encoding.DER)
