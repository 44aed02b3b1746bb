"""Posts notices to a URL, signed as Standard Webhooks has it, or as a chat message."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

import msgspec

from zoneproof.core.http import (
    HttpClient,
    NoReplyError,
    Reply,
    Sleep,
    error_text,
    load_ca_bundle,
    with_retries,
)
from zoneproof.core.text import sanitize
from zoneproof.core.toml import read_reference
from zoneproof.manager.notifications.notice import Notice, as_text, subject
from zoneproof.manager.notifications.settings import WebhookSettings, check_url, signing_key

_SECONDS = 30.0  # for one attempt
_LONGEST_CHAT = 12_000  # characters of one message
_TELLING = 8  # characters; shorter parts of a path are no secret


class _Body(msgspec.Struct):
    """The body of a JSON webhook: ``machine`` is the host that tells."""

    machine: str
    notices: Sequence[Notice]


async def post(
    settings: WebhookSettings,
    notices: Sequence[Notice],
    machine: str,
    now: datetime,
    sleep: Sleep = asyncio.sleep,
) -> str:
    """Post the notices in one request; return a line about what went wrong, or an empty one.

    What may pass is tried four times in all. Redirects are not followed. Raises InvalidInputError
    for settings that cannot be used.
    """
    url = check_url(read_reference(settings.url, "url"))
    parts = urlsplit(url)
    where = f"webhook at {parts.hostname}"
    body = _chat(notices, machine) if settings.format == "slack" else _Body(machine, notices)
    content = msgspec.json.encode(body)
    headers = {"Content-Type": "application/json"}
    if settings.secret:
        key = signing_key(read_reference(settings.secret, "secret"))
        identifier, seconds = f"msg_{secrets.token_hex(16)}", str(int(now.timestamp()))
        headers |= {
            "webhook-id": identifier,
            "webhook-timestamp": seconds,
            "webhook-signature": signature(key, identifier, seconds, content),
        }
    hidden = [*_secret_parts(parts)]
    client = HttpClient(seconds=_SECONDS, tls=load_ca_bundle(settings.ca_bundle))

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


def _chat(notices: Sequence[Notice], machine: str) -> dict[str, str]:
    text = f"{subject(notices)} (Zoneproof on {machine})\n\n{as_text(notices)}"
    if len(text) > _LONGEST_CHAT:
        text = f"{text[:_LONGEST_CHAT]}...\n"
    # Escaped, so that nothing that a CA or a DNS server says becomes a link or calls everybody.
    for char, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, escaped)
    return {"text": text}
