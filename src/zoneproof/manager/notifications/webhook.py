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

_LONGEST_CHAT = 12_000  # characters that are told at a time
# Rocket.Chat refuses messages of more than 5,000 unless it is set otherwise, from webhooks since
# 7.8; Slack advises 4,000.
_LONGEST_MESSAGE = 4_000


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
    """Post the notices; return a line about what went wrong, or an empty one.

    It is one request, and to a chat as many as are needed for what is long. What may pass is tried
    four times in all. Redirects are not followed. Raises InvalidInputError for settings that cannot
    be used.
    """
    bodies: list[object] = [_Body(machine, notices)]
    if settings.format == "slack":
        bodies = [{"text": text} for text in _chat(notices, machine)]
    for body in bodies:
        problem = await post_json(
            read_reference(settings.url, "url"),
            msgspec.json.encode(body),
            secret=read_reference(settings.secret, "secret"),
            identifier=f"msg_{secrets.token_hex(16)}",
            ca_bundle=settings.ca_bundle,
            now=now,
            sleep=sleep,
        )
        if problem:
            return problem
    return ""


def _chat(notices: Sequence[Notice], machine: str) -> list[str]:
    """Return the messages, of whole lines where these are not too long."""
    text = f"{subject(notices)} (Zoneproof on {machine})\n\n{as_text(notices)}"
    if len(text) > _LONGEST_CHAT:
        text = f"{text[:_LONGEST_CHAT]}...\n"
    messages = [""]
    for line in text.splitlines(keepends=True):
        # Escaped, so that nothing that a CA or a DNS server says becomes a link or calls everybody.
        for char, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            line = line.replace(char, escaped)
        for start in range(0, len(line), _LONGEST_MESSAGE):
            part = line[start : start + _LONGEST_MESSAGE]
            if len(messages[-1]) + len(part) > _LONGEST_MESSAGE:
                messages.append("")
            messages[-1] += part
    return messages
