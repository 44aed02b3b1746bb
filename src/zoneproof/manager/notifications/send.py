"""Sends notices to everybody who is to be told; what fails is told to the caller, not raised."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from datetime import UTC, datetime

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.http import Sleep
from zoneproof.manager.notifications.notice import Notice, fit_to_send
from zoneproof.manager.notifications.settings import NotifySettings, SmtpSettings, WebhookSettings
from zoneproof.manager.notifications.smtp import compose, mail
from zoneproof.manager.notifications.webhook import post


async def send(
    notices: Sequence[Notice], settings: NotifySettings, *, sleep: Sleep = asyncio.sleep
) -> list[str]:
    """Tell everybody at once, each in one message; return a line for each who was not reached.

    A notification that fails is never the certificate's fault, so nothing is raised.
    """
    fit = [fit_to_send(notice) for notice in notices]
    receivers: list[SmtpSettings | WebhookSettings] = [*settings.smtp, *settings.webhook]
    lines = await asyncio.gather(*(_tell(receiver, fit, sleep) for receiver in receivers))
    return [line for line in lines if line]


async def send_test(settings: NotifySettings) -> list[str]:
    """Send everybody a message that says that it is a test; return problems as :func:`send`."""
    message = "Notifications from this Zoneproof reach you. Nothing needs to be done."
    notice = Notice("test", "Zoneproof", (), message, datetime.now(UTC))
    return await send([notice], settings)


async def _tell(
    receiver: SmtpSettings | WebhookSettings, notices: Sequence[Notice], sleep: Sleep
) -> str:
    wanted = [
        notice
        for notice in notices
        if notice.kind == "test" or not receiver.kinds or notice.kind in receiver.kinds
    ]
    if not wanted:
        return ""
    machine, now = socket.gethostname(), datetime.now(UTC)
    try:
        if isinstance(receiver, SmtpSettings):
            return await mail(receiver, compose(receiver, wanted, machine, now))
        return await post(receiver, wanted, machine, now, sleep)
    except InvalidInputError as error:
        table = "notify.smtp" if isinstance(receiver, SmtpSettings) else "notify.webhook"
        return f"{table}: {error.message}"
