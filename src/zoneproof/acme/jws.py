"""Signed request bodies: flattened JWS as ACME uses it (RFC 8555 section 6.2). No I/O."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from zoneproof.acme.keys import AccountKey, base64url, decode_base64url
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.secretive import Secretive

POST_AS_GET = b""


class ExternalAccountBinding(Secretive, frozen=True):
    """What ties a new ACME account to one that a person has at the CA (RFC 8555 section 7.3.4).

    ``kid`` is the CA's key identifier and ``hmac_key`` the MAC key in base64url or base64, both as
    the CA's web site shows them; line breaks do no harm. Raises InvalidInputError.
    """

    kid: str
    hmac_key: str

    def __post_init__(self) -> None:
        if not self.kid.strip():
            raise InvalidInputError("the external account binding has no key identifier")
        try:
            usable = bool(self.mac_key)
        except ValueError:
            usable = False
        if not usable:
            raise InvalidInputError(
                "the HMAC key of the external account binding is not base64: copy it as the CA"
                " shows it"
            )

    @property
    def mac_key(self) -> bytes:
        """The MAC key itself."""
        text = "".join(self.hmac_key.split())
        return decode_base64url(text.replace("+", "-").replace("/", "_"))


class Signer(msgspec.Struct, frozen=True):
    """Who signs: by account URL (``kid``), or, before there is one, by the key itself (``jwk``)."""

    key: AccountKey
    account_url: str = ""

    def body(self, payload: bytes, *, url: str, nonce: str) -> bytes:
        """Return the body of a request; the payload is JSON, or empty for a POST-as-GET."""
        header: dict[str, Any] = {"alg": self.key.algorithm}
        if self.account_url:
            header["kid"] = self.account_url
        else:
            header["jwk"] = self.key.jwk
        header |= {"nonce": nonce, "url": url}
        return msgspec.json.encode(_flattened(header, payload, self.key.sign))


def bound_key(binding: ExternalAccountBinding, key: AccountKey, url: str) -> dict[str, str]:
    """Return newAccount's ``externalAccountBinding``; ``url`` is newAccount's (section 7.3.4)."""
    mac_key = binding.mac_key
    header = {"alg": "HS256", "kid": binding.kid, "url": url}

    def mac(data: bytes) -> bytes:
        return hmac.digest(mac_key, data, hashlib.sha256)

    return _flattened(header, msgspec.json.encode(key.jwk), mac)


def key_change(new_key: AccountKey, old_key: AccountKey, *, account_url: str, url: str) -> bytes:
    """Return keyChange's payload: the new key signs that it replaces the old (section 7.3.5)."""
    payload = msgspec.json.encode({"account": account_url, "oldKey": old_key.jwk})
    header = {"alg": new_key.algorithm, "jwk": new_key.jwk, "url": url}
    return msgspec.json.encode(_flattened(header, payload, new_key.sign))


def _flattened(
    header: Mapping[str, Any], payload: bytes, sign: Callable[[bytes], bytes]
) -> dict[str, str]:
    protected = base64url(msgspec.json.encode(header))
    encoded = base64url(payload)
    signature = sign(f"{protected}.{encoded}".encode("ascii"))
    return {"protected": protected, "payload": encoded, "signature": base64url(signature)}
