"""RSA keys of providers: how they are read, and what they sign."""

from __future__ import annotations

import base64

import pytest

from tests.support.rsa_keys import is_signed, private_pem, public_pem, read_jwt
from zoneproof.core.errors import InvalidInputError
from zoneproof.providers.rsa_key import RsaKey


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256"])
def test_a_token_has_claims_and_a_signature(algorithm: str) -> None:
    token = RsaKey(private_pem(0), "key").jwt({"iss": "joe", "exp": 1300819380}, algorithm, "k1")
    found = read_jwt(token, public_pem(0))
    assert found == (
        {"alg": algorithm, "typ": "JWT", "kid": "k1"},
        {"iss": "joe", "exp": 1300819380},
    )
    assert read_jwt(token, public_pem(1)) is None


def test_line_breaks_may_be_escaped() -> None:
    pem = private_pem(0).replace("\n", "\\n")
    assert is_signed(public_pem(0), RsaKey(pem, "key").sign(b"data"), b"data")


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "hunter2",
        public_pem(0),
        private_pem(0)[:200],
        "-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(b"x" * 48).decode() + "\n",
    ],
)
def test_what_is_no_key_is_not_repeated(pem: str) -> None:
    with pytest.raises(InvalidInputError, match="private_key is not an RSA") as caught:
        RsaKey(pem, "private_key")
    assert "hunter2" not in caught.value.message
