"""Posts notices to a URL, signed as Standard Webhooks has it, or as a chat message."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime

import msgspec

from zoneproof.core.http import Sleep
from zoneproof.core.toml import read_reference
from zoneproof.core.webhooks import post_json
from zoneproof.manager.notifications.notice import Notice, as_text, subject
from zoneproof.manager.notifications.settings import WebhookSettings

_LONGEST_CHAT = 12_000  # characters of one message


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
    body = _chat(notices, machine) if settings.format == "slack" else _Body(machine, notices)
    return await post_json(
        read_reference(settings.url, "url"),
        msgspec.json.encode(body),
        secret=read_reference(settings.secret, "secret"),
        identifier=f"msg_{secrets.token_hex(16)}",
        ca_bundle=settings.ca_bundle,
        now=now,
        sleep=sleep,
    )


def _chat(notices: Sequence[Notice], machine: str) -> dict[str, str]:
    text = f"{subject(notices)} (Zoneproof on {machine})\n\n{as_text(notices)}"
    if len(text) > _LONGEST_CHAT:
        text = f"{text[:_LONGEST_CHAT]}...\n"
    # Escaped, so that nothing that a CA or a DNS server says becomes a link or calls everybody.
    for char, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, escaped)
    return {"text": text}
