"""ACME account keys: signing, JSON Web Keys, thumbprints, key authorizations (RFC 7515, 8555)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from zoneproof.core.errors import AcmeConnectionError, InvalidInputError

KeyKind: TypeAlias = Literal["ES256", "ES384", "RS256", "EdDSA"]
PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_CURVES: Mapping[str, tuple[KeyKind, ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "P-256": ("ES256", ec.SECP256R1(), hashes.SHA256()),
    "P-384": ("ES384", ec.SECP384R1(), hashes.SHA384()),
}
_JWK_CURVE_NAMES = {curve.name: name for name, (_, curve, _) in _CURVES.items()}
_SMALLEST_RSA = 2048
_LARGEST_RSA = 16384


class AccountKey:
    """A private key with which an ACME account signs its requests.

    ``algorithm`` is the JWS algorithm, ``jwk`` the public key as a JSON Web Key and ``thumbprint``
    its RFC 7638 SHA-256 thumbprint, in base64url.
    """

    def __init__(self, private_key: PrivateKey) -> None:
        self._private_key = private_key
        self.algorithm, self.jwk, self._sign = _describe(private_key)
        self.thumbprint = thumbprint(self.jwk)

    def __repr__(self) -> str:
        return f"AccountKey({self.algorithm}, thumbprint={self.thumbprint!r})"

    @classmethod
    def generate(cls, kind: KeyKind = "ES256") -> AccountKey:
        """Make a new key. Most CAs accept ES256, ES384 and RS256; few take EdDSA (Ed25519)."""
        if kind == "RS256":
            return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        if kind == "EdDSA":
            return cls(ed25519.Ed25519PrivateKey.generate())
        for algorithm, curve, _ in _CURVES.values():
            if algorithm == kind:
                return cls(ec.generate_private_key(curve))
        raise InvalidInputError(
            f"'{kind}' is not an account key type: use ES256, ES384, RS256 or EdDSA"
        )

    @classmethod
    def from_pem(cls, pem: bytes) -> AccountKey:
        """Read an unencrypted PEM private key: PKCS #8, PKCS #1 or SEC 1.

        Raises InvalidInputError, which never repeats the file's content.
        """
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except TypeError as error:
            raise InvalidInputError(
                "the account key is encrypted with a passphrase: give it unencrypted"
            ) from error
        except (ValueError, UnsupportedAlgorithm):
            raise InvalidInputError("the account key is not a PEM private key") from None
        return cls(_supported(key))

    @classmethod
    def from_jwk(cls, text: bytes) -> AccountKey:
        """Read a private JSON Web Key (RFC 7517), such as certbot's ``private_key.json``.

        Raises InvalidInputError, which never repeats the file's content.
        """
        try:
            jwk = msgspec.json.decode(text, type=dict[str, Any])
            return cls(_from_jwk(jwk))
        except InvalidInputError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InvalidInputError("the account key is not a private JSON Web Key") from None

    def to_pem(self) -> bytes:
        """Return the private key as unencrypted PKCS #8 PEM."""
        return key_to_pem(self._private_key)

    def sign(self, data: bytes) -> bytes:
        """Return the JWS signature (RFC 7518 section 3, RFC 8037 section 3.1)."""
        return self._sign(data)


def key_to_pem(key: PrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of a public key that has its required members only."""
    canonical = msgspec.json.encode(dict(sorted(jwk.items())))
    return base64url(hashlib.sha256(canonical).digest())


_Description: TypeAlias = tuple[KeyKind, dict[str, str], Callable[[bytes], bytes]]


def _describe(key: PrivateKey) -> _Description:
    """Return the algorithm, the public key's required members, and the signing function."""
    if isinstance(key, rsa.RSAPrivateKey):
        return _describe_rsa(key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _describe_ec(key)
    public = key.public_key().public_bytes_raw()
    return "EdDSA", {"crv": "Ed25519", "kty": "OKP", "x": base64url(public)}, key.sign


def _describe_rsa(key: rsa.RSAPrivateKey) -> _Description:
    if key.key_size < _SMALLEST_RSA:
        raise InvalidInputError(f"an RSA key of {key.key_size} bits is too short: use 2048 or more")
    numbers = key.public_key().public_numbers()
    jwk = {"e": _unsigned(numbers.e), "kty": "RSA", "n": _unsigned(numbers.n)}
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()
    return "RS256", jwk, lambda data: key.sign(data, scheme, digest)


def _describe_ec(key: ec.EllipticCurvePrivateKey) -> _Description:
    name = _JWK_CURVE_NAMES.get(key.curve.name, "")
    if not name:
        raise InvalidInputError(f"ACME does not use the curve {key.curve.name}: use P-256 or P-384")
    algorithm, _, digest = _CURVES[name]
    size = (key.curve.key_size + 7) // 8
    point = key.public_key().public_numbers()
    jwk = {
        "crv": name,
        "kty": "EC",
        "x": base64url(point.x.to_bytes(size)),
        "y": base64url(point.y.to_bytes(size)),
    }
    scheme = ec.ECDSA(digest)

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, scheme))
        return r.to_bytes(size) + s.to_bytes(size)

    return algorithm, jwk, sign


def _supported(key: object) -> PrivateKey:
    if isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey)):
        return key
    raise InvalidInputError("ACME does not use keys of this type: use EC, RSA or Ed25519")


def _from_jwk(jwk: Mapping[str, Any]) -> PrivateKey:
    kind = jwk["kty"]
    if kind == "RSA":
        n, e, d = (_number(jwk[name]) for name in "ned")
        if n.bit_length() > _LARGEST_RSA:  # with which any arithmetic would take for ever
            raise InvalidInputError(f"an RSA key of {n.bit_length()} bits is too long")
        p, q = _written_primes(jwk, n) or rsa.rsa_recover_prime_factors(n, e, d)
        return rsa.RSAPrivateNumbers(
            p=p,
            q=q,
            d=d,
            dmp1=rsa.rsa_crt_dmp1(d, p),
            dmq1=rsa.rsa_crt_dmq1(d, q),
            iqmp=rsa.rsa_crt_iqmp(p, q),
            public_numbers=rsa.RSAPublicNumbers(e, n),
        ).private_key()
    if kind == "EC" and jwk["crv"] in _CURVES:
        return ec.derive_private_key(_number(jwk["d"]), _CURVES[jwk["crv"]][1])
    if kind == "OKP" and jwk["crv"] == "Ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(decode_base64url(jwk["d"]))
    raise InvalidInputError(
        "ACME does not use JSON Web Keys of this type: use RSA, EC (P-256, P-384) or Ed25519"
    )


def _written_primes(jwk: Mapping[str, Any], n: int) -> tuple[int, int] | None:
    """Return the factors of ``n`` that are in the key (RFC 7518 section 6.3.2), if they are that.

    To find them again takes twice as long as everything else about a key.
    """
    if "p" not in jwk or "q" not in jwk:
        return None
    p, q = _number(jwk["p"]), _number(jwk["q"])
    return (p, q) if 1 < p < n and 1 < q < n and p * q == n else None


def decode_base64url(text: str) -> bytes:
    """Decode base64url with or without its padding. Raises ValueError."""
    bare = text.rstrip("=")
    if not bare.isascii() or any(c in "+/" for c in bare):
        raise ValueError("not base64url")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)


def _number(text: str) -> int:
    return int.from_bytes(decode_base64url(text))


def _unsigned(number: int) -> str:
    return base64url(number.to_bytes((number.bit_length() + 7) // 8))


_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,512}")


def base64url(data: bytes) -> str:
    """Encode as base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def check_token(token: str) -> str:
    """Return the token if it holds only base64url characters.

    A token becomes part of file names and URLs, so anything else is refused with
    AcmeConnectionError.
    """
    if not _TOKEN.fullmatch(token):
        raise AcmeConnectionError(
            f"the CA sent a challenge token that is not base64url: {token[:40]!r}; not using it"
        )
    return token


def key_authorization(token: str, thumbprint: str) -> str:
    """Join a token and the account key's RFC 7638 thumbprint (RFC 8555 section 8.1)."""
    return f"{check_token(token)}.{thumbprint}"
