"""Account keys sign as the RFCs' own examples do, and come and go as PEM and JWK."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.acme.fake_ca import decoded
from tests.support.rsa_keys import private_key
from zoneproof.acme import AccountKey, KeyKind
from zoneproof.acme.keys import thumbprint
from zoneproof.core.errors import InvalidInputError

KINDS: list[KeyKind] = ["ES256", "ES384", "RS256", "EdDSA"]


def test_thumbprint_is_that_of_rfc_7638() -> None:
    jwk = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSo"
        "c_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FD"
        "W2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQF"
        "h6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
    }
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_ed25519_key_thumbprint_and_signature_are_those_of_rfc_8037() -> None:
    key = AccountKey.from_jwk(
        b'{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",'
        b'"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
    )
    assert key.jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert key.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    assert key.sign(signed) == decoded(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


def test_p256_key_of_rfc_7515_has_the_public_point_of_rfc_7515() -> None:
    key = AccountKey.from_jwk(
        b'{"kty":"EC","crv":"P-256","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}'
    )
    assert key.jwk == {
        "crv": "P-256",
        "kty": "EC",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_key_survives_the_way_through_pem(kind: KeyKind) -> None:
    key = AccountKey.generate(kind)
    again = AccountKey.from_pem(key.to_pem())
    assert key.to_pem().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert (again.algorithm, again.jwk) == (kind, key.jwk)


@pytest.mark.parametrize("kind", KINDS)
def test_signature_verifies_with_the_public_jwk(kind: KeyKind) -> None:
    key = AccountKey.generate(kind)
    signature = key.sign(b"data")
    jwk = {name: decoded(value) for name, value in key.jwk.items() if name in "xyne"}
    if kind == "RS256":
        numbers = rsa.RSAPublicNumbers(int.from_bytes(jwk["e"]), int.from_bytes(jwk["n"]))
        numbers.public_key().verify(signature, b"data", padding.PKCS1v15(), hashes.SHA256())
    elif kind == "EdDSA":
        ed25519.Ed25519PublicKey.from_public_bytes(jwk["x"]).verify(signature, b"data")
    else:
        curve: ec.EllipticCurve = ec.SECP256R1() if kind == "ES256" else ec.SECP384R1()
        half = curve.key_size // 8
        assert len(signature) == 2 * half
        assert len(jwk["x"]) == len(jwk["y"]) == half
        point = ec.EllipticCurvePublicNumbers(
            int.from_bytes(jwk["x"]), int.from_bytes(jwk["y"]), curve
        )
        der = encode_dss_signature(
            int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
        )
        digest: hashes.HashAlgorithm = hashes.SHA256() if kind == "ES256" else hashes.SHA384()
        point.public_key().verify(der, b"data", ec.ECDSA(digest))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="as it is"),
        pytest.param(
            {"p": None, "q": None, "dp": None, "dq": None, "qi": None}, id="without primes"
        ),
        pytest.param({"p": 3, "q": 5}, id="other primes"),
        pytest.param({"q": 1}, id="one"),
        pytest.param({"p": 1 << 100_000}, id="a long number"),
    ],
)
def test_certbots_private_key_json_is_read(changes: dict[str, int | None]) -> None:
    private = private_key(0)
    numbers = private.private_numbers()
    fields = {
        "n": numbers.public_numbers.n,
        "e": numbers.public_numbers.e,
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qi": numbers.iqmp,
        **changes,
    }
    from zoneproof.acme.keys import _unsigned

    written = {name: _unsigned(value) for name, value in fields.items() if value is not None}
    text = json.dumps({"kty": "RSA", **written})
    assert AccountKey.from_jwk(text.encode()).jwk == AccountKey(private).jwk


def test_secrets_are_not_in_the_repr() -> None:
    key = AccountKey.generate()
    assert repr(key) == f"AccountKey(ES256, thumbprint='{key.thumbprint}')"


def encrypted_pem() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def unsupported_pem() -> bytes:
    return x25519.X25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def odd_curve_pem() -> bytes:
    return ec.generate_private_key(ec.SECP521R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (b"not a key", "not a PEM private key"),
        (encrypted_pem(), "encrypted"),
        (unsupported_pem(), "keys of this type"),
        (odd_curve_pem(), "secp521r1"),
    ],
)
def test_pem_that_is_no_usable_key_is_refused_in_one_line(pem: bytes, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason) as caught:
        AccountKey.from_pem(pem)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"kty":"RSA","n":"AQAB","e":"AQAB"}',
        b'{"kty":"RSA","n":1,"e":2,"d":3}',
        b'{"kty":"RSA","n":"AA","e":"AA","d":"AA"}',
        b'{"kty":"EC","crv":"P-256","d":"AA"}',
        b'{"kty":"EC","crv":"P-521","d":"AQ"}',
        b'{"kty":"EC","crv":"P-256","d":"+/+/"}',
        b'{"kty":"OKP","crv":"Ed25519","d":"AQ"}',
        b'{"kty":"oct","k":"AQ"}',
        b'{"kty":["RSA"]}',
        b'{"kty":"EC","crv":["P-256"],"d":"AQ"}',
    ],
)
def test_jwk_that_is_no_usable_private_key_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInputError):
        AccountKey.from_jwk(text)


def test_short_rsa_key_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="1024 bits"):
        AccountKey(rsa.generate_private_key(65537, 1024))


def test_unknown_kind_of_key_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="ES512"):
        AccountKey.generate("ES512")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        b'{"kty":' + b"[" * 200_000,
        b'{"kty":"RSA","e":"AQAB","d":"AQAB","n":"' + b"_" * 50_000 + b'"}',
    ],
)
def test_a_json_web_key_without_measure_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError):
        AccountKey.from_jwk(content)
