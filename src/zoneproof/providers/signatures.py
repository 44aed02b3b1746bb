"""Signatures of requests, as pure functions of the request, the key and the time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

from zoneproof.core.errors import InvalidInputError
from zoneproof.providers.api_request import ApiRequest


def hmac_sha256(key: bytes, text: str) -> bytes:
    """Return the HMAC-SHA256 of a text (RFC 2104)."""
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def hmac_sha1(key: str, text: str) -> bytes:
    """Return the HMAC-SHA-1 of a text (RFC 2104)."""
    return hmac.new(key.encode(), text.encode(), hashlib.sha1).digest()


def one_time_code(secret: str, now: datetime) -> str:
    """Return the six digits of an authenticator (RFC 6238) whose secret is in Base32.

    Raises InvalidInputError for a secret that is not.
    """
    text = secret.replace(" ", "").rstrip("=").upper()
    try:
        key = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError as error:
        raise InvalidInputError("the secret of the authenticator is not Base32") from error
    digest = hmac.new(key, (int(now.timestamp()) // 30).to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def canonical_query(url: str) -> str:
    """Return a URL's query sorted, with everything but RFC 3986's unreserved characters encoded."""
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return "&".join(sorted(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs))


def sign_aws4(
    request: ApiRequest,
    *,
    access_key_id: str,
    secret_access_key: str,
    session_token: str = "",
    region: str,
    service: str,
    now: datetime,
) -> ApiRequest:
    """Return the request with an AWS Signature Version 4 in its headers.

    As AWS's "Create a signed AWS API request" has it; ``now`` is the time of day with its zone.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    own = {name.lower(): value for name, value in request.headers.items()}
    signed = {name: value for name, value in own.items() if name.startswith("x-amz-")}
    signed |= {"host": urlsplit(request.url).netloc, "x-amz-date": stamp}
    if session_token:
        signed["x-amz-security-token"] = session_token
    signed = dict(sorted(signed.items()))
    names = ";".join(signed)
    canonical = _canonical_request(request, signed, names)
    to_sign = (
        f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    )
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac_sha256(key, part)
    signature = hmac_sha256(key, to_sign).hex()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}, SignedHeaders={names},"
        f" Signature={signature}"
    )
    headers = {"X-Amz-Date": stamp, "Authorization": authorization}
    if session_token:
        headers["X-Amz-Security-Token"] = session_token
    return request.with_headers(headers)


def _canonical_request(request: ApiRequest, signed: Mapping[str, str], names: str) -> str:
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    path = quote(urlsplit(request.url).path or "/", safe="/-_.~%")
    digest = hashlib.sha256(request.content).hexdigest()
    return f"{request.method}\n{path}\n{canonical_query(request.url)}\n{lines}\n{names}\n{digest}"
