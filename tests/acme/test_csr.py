"""Certificate signing requests that others made: what is read of them, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.support.rsa_keys import private_key
from zoneproof.acme import key_to_pem, make_key, public_der, read_csr
from zoneproof.core.errors import InvalidInputError

KEY = make_key()


def request(
    names: Sequence[x509.GeneralName | str] = ("example.com",),
    *,
    common_name: str = "",
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey = KEY,
    digest: hashes.HashAlgorithm | None = hashes.SHA256(),  # noqa: B008
) -> bytes:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if names:
        general = [x509.DNSName(one) if isinstance(one, str) else one for one in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    signed = builder.sign(key, digest)  # type: ignore[arg-type]
    return signed.public_bytes(Encoding.PEM)


def names_of(data: bytes) -> list[str]:
    return [one.value for one in read_csr(data, "the file").identifiers]


def test_pem_and_der_say_the_same() -> None:
    pem = request()
    der = x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER)
    assert read_csr(pem, "a") == read_csr(der, "b")
    assert read_csr(pem, "a").der == der
    assert read_csr(pem, "a").pem == pem.decode()
    assert read_csr(pem, "a").public_key == public_der(KEY.public_key())


def test_text_around_the_pem_is_no_matter() -> None:
    assert names_of(b"Certificate Request:\n    Data:\n" + request()) == ["example.com"]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (request(["b.example", "*.a.example"]), ["b.example", "*.a.example"]),
        (request(["B.Example"]), ["b.example"]),
        (request([x509.IPAddress(ip_address("192.0.2.1"))]), ["192.0.2.1"]),
        (request([], common_name="a.example"), ["a.example"]),
        (request(["b.example", "a.example"], common_name="a.example"), ["a.example", "b.example"]),
        (request(["a.example", "A.example"]), ["a.example"]),
        (request(key=private_key(0)), ["example.com"]),
        (request(key=ec.generate_private_key(ec.SECP384R1())), ["example.com"]),
        (request(digest=hashes.SHA384()), ["example.com"]),
    ],
)
def test_its_names_are_those_of_the_subject_and_of_the_extension(
    data: bytes, names: list[str]
) -> None:
    assert names_of(data) == names


@pytest.mark.parametrize(
    ("data", "doubt"),
    [
        (request(["b.example", "a.example"], common_name="A.example"), ""),
        (request([], common_name="a.example"), "it has a.example only as its common name"),
        (
            request([x509.IPAddress(ip_address("192.0.2.1"))], common_name="192.0.2.1"),
            "its common name is the IP address 192.0.2.1, which Let's Encrypt refuses",
        ),
    ],
)
def test_what_some_cas_refuse_at_the_end_is_doubted(data: bytes, doubt: str) -> None:
    """As Boulder's csr.go and Pebble's wfe.go have it; RFC 8555 section 7.4 allows all of it."""
    found = read_csr(data, "the file").doubt
    assert found.startswith(doubt)
    assert bool(found) == bool(doubt)


def _damaged() -> bytes:
    der = bytearray(x509.load_pem_x509_csr(request()).public_bytes(Encoding.DER))
    der[-3] ^= 1
    return bytes(der)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is not a certificate signing request in PEM or DER"),
        (b"hello", "it is not a certificate signing request in PEM or DER"),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "it is not a certificate"),
        (key_to_pem(KEY) + request(), "it contains a private key, which must stay with its owner"),
        (request() + b"#" * 100_001, "it is longer than 100000 bytes"),
        (_damaged(), "its signature is wrong"),
        (request([]), "it names no host"),
        (
            request([], common_name="My Company"),
            "its common name: 'My Company' is not a domain name",
        ),
        (request(["localhost"]), "'localhost' cannot be in a certificate"),
        (request([x509.RFC822Name("ops@example.com")]), "more than host names and IP addresses"),
        (
            request(key=ec.generate_private_key(ec.SECP521R1())),
            "not issue certificates for its key",
        ),
        (request(key=rsa.generate_private_key(65537, 1024)), "not issue certificates for its key"),
        (request(key=ed25519.Ed25519PrivateKey.generate(), digest=None), "sign it with SHA-256"),
    ],
)
def test_what_no_ca_would_take_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_csr(data, "www.csr")
    assert caught.value.message.startswith("www.csr cannot be used: ")
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


PLAIN = x509.load_pem_x509_csr(request()).public_bytes(Encoding.DER)


@given(st.binary() | st.tuples(st.integers(0, len(PLAIN) - 1), st.integers(0, 255)))
def test_nothing_else_comes_out_of_what_is_damaged(change: bytes | tuple[int, int]) -> None:
    data = bytearray(PLAIN)
    if isinstance(change, bytes):
        data = bytearray(change)
    else:
        data[change[0]] = change[1]
    try:
        read = read_csr(bytes(data), "the file")
    except InvalidInputError:
        return
    assert read.der == PLAIN
