"""Posts to a URL that a person named, signed as Standard Webhooks 1.0.0 has it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.http import (
    HttpClient,
    NoReplyError,
    Reply,
    Sleep,
    error_text,
    load_ca_bundle,
    with_retries,
)
from zoneproof.core.names import is_host, is_loopback
from zoneproof.core.text import sanitize

_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_SIGNING_PREFIX = "whsec_"
_SHORTEST_KEY = 24  # bytes, as Standard Webhooks wants
_SECONDS = 30.0  # for one attempt
_TELLING = 8  # characters; shorter parts of a path are no secret
# With digits, and as long as services make them: in a path, where people write words, too.
_RANDOM_PART = re.compile(r"(?=.*\d).{20,}")
_RANDOM_VALUE = re.compile(rf"(?=.*\d).{{{_TELLING},}}")
_HIDDEN = "***"


async def post_json(
    url: str,
    content: bytes,
    *,
    secret: str,
    identifier: str,
    ca_bundle: str,
    now: datetime,
    sleep: Sleep,
) -> str:
    """Post JSON; return a line about what went wrong, or an empty one.

    ``secret`` is a signing key as :func:`signing_key` reads it, empty for no signature, and
    ``identifier`` the same for each attempt at the same message. What may pass is tried four times
    in all. Redirects are not followed. Raises InvalidInputError for what cannot be used.
    """
    url = check_url(url)
    parts = urlsplit(url)
    where = f"webhook at {parts.hostname}"
    headers = {"Content-Type": "application/json"}
    if secret:
        seconds = str(int(now.timestamp()))
        headers |= {
            "webhook-id": identifier,
            "webhook-timestamp": seconds,
            "webhook-signature": signature(signing_key(secret), identifier, seconds, content),
        }
    hidden = [*_secret_parts(parts)]
    client = HttpClient(seconds=_SECONDS, tls=load_ca_bundle(ca_bundle), bundle_setting="ca_bundle")

    async def attempt() -> Reply:
        return await client.exchange("POST", url, content=content, headers=headers)

    def again(reply: Reply) -> bool:
        return reply.status == HTTPStatus.TOO_MANY_REQUESTS or reply.status >= 500

    try:
        reply = await with_retries(attempt, again, repeatable=True, sleep=sleep)
    except NoReplyError as error:
        return f"{where}: {sanitize(error.message, secrets=hidden)}"
    finally:
        await client.close()
    if 200 <= reply.status < 300:
        return ""
    if 300 <= reply.status < 400:
        target = sanitize(reply.headers.get("Location", "nowhere"), secrets=hidden)
        return f"{where}: it redirects to {target}, which is not followed: set that as its url"
    words = error_text(reply.body, hidden)
    what = "fails" if reply.status >= 500 else "refuses"
    return f"{where}: it {what} with status {reply.status}, and says: {words}"


def signature(key: bytes, identifier: str, seconds: str, body: bytes) -> str:
    """Return what lets a receiver check the body's origin and age, and that it comes once.

    HMAC-SHA256 over the message's identifier, seconds since 1970 and body, joined by dots
    (Standard Webhooks 1.0.0).
    """
    signed = b".".join([identifier.encode(), seconds.encode(), body])
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def _secret_parts(url: SplitResult) -> Iterator[str]:
    """Yield what lets its reader post to the URL too."""
    yield url.password or ""
    for part in (*url.path.split("/"), *url.query.split("&")):
        if len(part) >= _TELLING:
            yield part


def shown_url(text: str) -> str:
    """Return a URL as people may see it who must not post there.

    Services tell senders apart by the URL alone. So its user part is left out, and long parts of
    path and query with digits in them are hidden.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        return _HIDDEN
    return parts._replace(
        netloc=parts.netloc.rpartition("@")[2],
        path="/".join(_hidden(one, _RANDOM_PART) for one in parts.path.split("/")),
        query="&".join(map(_shown_pair, parts.query.split("&"))),
    ).geturl()


def _shown_pair(pair: str) -> str:
    name, equals, value = pair.rpartition("=")
    return f"{name}{equals}{_hidden(value, _RANDOM_VALUE)}"


def _hidden(part: str, random: re.Pattern[str]) -> str:
    return _HIDDEN if random.fullmatch(part) else part


def check_url(text: str) -> str:
    """Return the URL if something may be posted there.

    Raises InvalidInputError, which does not repeat the URL.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        usable = _URL.fullmatch(url) and is_host(host) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidInputError("url must be like https://host/path")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return url
    raise InvalidInputError("url must begin with https:// (http:// is for this machine only)")


def signing_key(secret: str) -> bytes:
    """Return the bytes of ``whsec_`` and base64. Raises InvalidInputError without repeating it."""
    try:
        key = base64.b64decode(secret.strip().removeprefix(_SIGNING_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_SIGNING_PREFIX) or len(key) < _SHORTEST_KEY:
        raise InvalidInputError(
            "secret must be 'whsec_' and at least 24 bytes in base64: make one with"
            " echo whsec_$(openssl rand -base64 32)"
        )
    return key
