"""Signing requests hold what was asked for; chains are checked for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.acme.fake_ca import FakeCa
from zoneproof.acme import CertificateKey, key_from_pem, key_to_pem, make_csr, make_key, parse_chain
from zoneproof.core.errors import AcmeConnectionError, AcmeError, InvalidInputError
from zoneproof.core.names import Identifier

NAMES = (Identifier.parse("example.com"), Identifier.parse("*.example.com"))
ADDRESSES = (Identifier.parse("192.0.2.1"), Identifier.parse("2001:db8::1"))
URL = "https://ca.test/cert"


@pytest.mark.parametrize(
    ("kind", "form", "size"),
    [
        ("ec256", ec.EllipticCurvePrivateKey, 256),
        ("ec384", ec.EllipticCurvePrivateKey, 384),
        ("rsa2048", rsa.RSAPrivateKey, 2048),
        ("rsa3072", rsa.RSAPrivateKey, 3072),
        ("rsa4096", rsa.RSAPrivateKey, 4096),
    ],
)
def test_keys_are_made_as_asked_for_and_survive_pem(
    kind: str, form: type[CertificateKey], size: int
) -> None:
    key = make_key(kind)
    assert isinstance(key, form)
    assert key.key_size == size
    again = key_from_pem(key_to_pem(key))
    assert again.public_key() == key.public_key()


def test_unknown_kind_of_key_is_refused_with_the_known() -> None:
    with pytest.raises(InvalidInputError, match="use ec256, ec384, rsa2048, rsa3072, rsa4096"):
        make_key("dsa")


@pytest.mark.parametrize("pem", [b"", b"no key", key_to_pem(ed25519.Ed25519PrivateKey.generate())])
def test_unusable_key_is_refused(pem: bytes) -> None:
    with pytest.raises(InvalidInputError):
        key_from_pem(pem)


@pytest.mark.parametrize("kind", ["ec256", "ec384", "rsa2048"])
def test_signing_request_names_exactly_the_identifiers_and_no_subject(kind: str) -> None:
    key = make_key(kind)
    csr = x509.load_der_x509_csr(make_csr(key, [*NAMES, *ADDRESSES]))
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["example.com", "*.example.com"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == [
        "192.0.2.1",
        "2001:db8::1",
    ]
    assert csr.subject == x509.Name([])
    assert csr.is_signature_valid
    assert csr.public_key() == key.public_key()


def issued(key: CertificateKey, names: tuple[Identifier, ...]) -> bytes:
    return FakeCa()._issue(x509.load_der_x509_csr(make_csr(key, names)))


def test_chain_is_split_into_certificate_and_issuers() -> None:
    key = make_key()
    first, second = issued(key, NAMES + ADDRESSES), issued(make_key(), NAMES)
    chain = parse_chain(b"said the CA\n" + first + b"\n\n" + second, URL)
    assert chain.leaf_pem == first
    assert chain.issuers_pem == second
    assert chain.pem == first + second
    assert chain.names == ("example.com", "*.example.com", "192.0.2.1", "2001:db8::1")
    assert chain.issuer == chain.top_issuer == "Fake CA"


def test_a_chain_that_was_cut_off_is_refused_and_what_is_beside_it_is_not_looked_at() -> None:
    whole = issued(make_key(), NAMES) + issued(make_key(), NAMES)
    assert len(parse_chain(whole + key_to_pem(make_key()), URL).certificates) == 2
    with pytest.raises(AcmeConnectionError, match="not made of PEM certificates"):
        parse_chain(whole[:-40], URL)


def test_certificate_for_another_key_is_refused() -> None:
    key = make_key()
    chain = parse_chain(issued(key, NAMES), URL)
    chain.require_key(key)
    with pytest.raises(AcmeError, match="not for our key"):
        chain.require_key(make_key())


def test_certificate_that_lacks_a_name_is_refused() -> None:
    chain = parse_chain(issued(make_key(), NAMES[:1]), URL)
    chain.require_identifiers(NAMES[:1])
    with pytest.raises(AcmeError, match=r"does not name \*\.example\.com"):
        chain.require_identifiers(NAMES)


def test_certificate_that_has_expired_is_refused() -> None:
    chain = parse_chain(issued(make_key(), NAMES), URL)
    end = chain.leaf.not_valid_after_utc
    chain.require_current(end - timedelta(seconds=1))
    with pytest.raises(AcmeError, match=r"expired at .* UTC: not using it; check .* clock"):
        chain.require_current(end)


def test_private_key_in_a_chain_is_no_certificate() -> None:
    with pytest.raises(AcmeConnectionError):
        parse_chain(key_to_pem(make_key()), URL)
