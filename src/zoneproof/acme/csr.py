"""Certificate keys and certificate signing requests (RFC 2986, RFC 8555 section 7.4)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from zoneproof.core.errors import InvalidInputError, InvalidNameError
from zoneproof.core.names import Identifier

CertificateKeyKind: TypeAlias = Literal["ec256", "ec384", "rsa2048", "rsa3072", "rsa4096"]
CertificateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_MAKERS: Mapping[str, Callable[[], CertificateKey]] = {
    "ec256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa4096": lambda: rsa.generate_private_key(65537, 4096),
}

_CURVES = ("secp256r1", "secp384r1")
_RSA_BITS = range(2048, 8193)
_DIGESTS = ("sha256", "sha384", "sha512")
_LONGEST = 100_000  # bytes; one with 100 names has about 5,000
UNREADABLE = (  # what parts of hostile certificates and requests can raise when they are read
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def make_key(kind: str = "ec256") -> CertificateKey:
    """Make a key for a certificate, of a :data:`CertificateKeyKind`.

    Raises InvalidInputError.
    """
    maker = _MAKERS.get(kind)
    if maker is None:
        raise InvalidInputError(f"'{kind}' is not a key type: use {', '.join(_MAKERS)}")
    return maker()


def public_der(key: PublicKeyTypes) -> bytes:
    """Return a public key as DER SubjectPublicKeyInfo, by which two are compared."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def kind_of_key(key: CertificateKey) -> str:
    """Return the key's :data:`CertificateKeyKind`, or what it would be called."""
    family = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ec"
    return f"{family}{key.key_size}"


def key_from_pem(pem: bytes) -> CertificateKey:
    """Read an unencrypted PEM private key. Raises InvalidInputError, without the content."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInputError(
            "the certificate key is not an unencrypted PEM private key"
        ) from None
    if isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        return key
    raise InvalidInputError("CAs do not issue certificates for keys of this type: use EC or RSA")


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


class GivenCsr(msgspec.Struct, frozen=True):
    """A request whose signature is right, as PEM and DER.

    ``identifiers`` are all that it asks for, the common name among them, each once.
    ``public_key`` is a DER SubjectPublicKeyInfo. ``doubt`` says why some CAs refuse the request at
    the end of an order, empty if none does.
    """

    pem: str
    der: bytes
    identifiers: tuple[Identifier, ...]
    public_key: bytes
    doubt: str = ""


def read_csr(data: bytes, where: str) -> GivenCsr:
    """Read a request in PEM or DER (RFC 2986) that a CA could take.

    Raises InvalidInputError, naming ``where`` it comes from.
    """
    try:
        return _read(data)
    except InvalidInputError as error:
        raise InvalidInputError(f"{where} cannot be used: {error.message}") from error
    except UNREADABLE:  # of parts that the library reads when they are asked for
        raise InvalidInputError(
            f"{where} cannot be used: it is not a certificate signing request in PEM or DER;"
            " 'openssl req -new' makes one"
        ) from None


def _read(data: bytes) -> GivenCsr:
    if b"PRIVATE KEY-----" in data:
        raise InvalidInputError(
            "it contains a private key, which must stay with its owner: remove it"
        )
    if len(data) > _LONGEST:
        raise InvalidInputError(f"it is longer than {_LONGEST} bytes")
    load = x509.load_pem_x509_csr if b"-----BEGIN " in data else x509.load_der_x509_csr
    request = load(data)
    _check_signature(request)
    _check_key(request)
    common, alternative = [*_common_names(request)], [*_alternative_names(request)]
    identifiers = tuple(dict.fromkeys((*common, *alternative)))
    if not identifiers:
        raise InvalidInputError("it names no host: give it subject alternative names")
    return GivenCsr(
        request.public_bytes(serialization.Encoding.PEM).decode(),
        request.public_bytes(serialization.Encoding.DER),
        identifiers,
        public_der(request.public_key()),
        _doubt(common, alternative),
    )


def _doubt(common: Sequence[Identifier], alternative: Sequence[Identifier]) -> str:
    """Say why some CAs refuse what RFC 8555 section 7.4 lets them all accept."""
    for one in common:
        if one.type == "ip":
            return (
                f"its common name is the IP address {one}, which Let's Encrypt refuses at the end"
                " of the order: give it as a subject alternative name only"
            )
        if one not in alternative:
            return (
                f"it has {one} only as its common name: Let's Encrypt accepts that, other CAs may"
                " refuse it at the end of the order; a subject alternative name works everywhere"
            )
    return ""


def _check_signature(request: x509.CertificateSigningRequest) -> None:
    try:
        digest = request.signature_hash_algorithm
    except UnsupportedAlgorithm:
        digest = None
    if digest is None or digest.name not in _DIGESTS:
        raise InvalidInputError("CAs do not accept its signature: sign it with SHA-256")
    if not request.is_signature_valid:
        raise InvalidInputError("its signature is wrong: create it again")


def _check_key(request: x509.CertificateSigningRequest) -> None:
    key = request.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS:
        return
    raise InvalidInputError(
        "CAs do not issue certificates for its key: use EC with P-256 or P-384, or RSA with 2048 "
        "bits"
        " or more"
    )


def _common_names(request: x509.CertificateSigningRequest) -> Iterator[Identifier]:
    for attribute in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        try:
            yield Identifier.parse(str(attribute.value))
        except InvalidNameError as error:
            raise InvalidInputError(f"its common name: {error.message}") from error


def _alternative_names(request: x509.CertificateSigningRequest) -> Iterator[Identifier]:
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for name in names:
        if not isinstance(name, x509.DNSName | x509.IPAddress):
            raise InvalidInputError(
                "it asks for more than host names and IP addresses, which ACME does not support"
            )
        if isinstance(name.value, ipaddress.IPv4Network | ipaddress.IPv6Network):
            raise InvalidInputError("it asks for a network, which ACME does not support")
        yield Identifier.parse(str(name.value))
