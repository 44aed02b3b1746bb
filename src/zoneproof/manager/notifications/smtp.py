"""Hands notices to a mail server (RFC 5321), in a thread and with a deadline."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import BinaryIO

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.http import load_ca_bundle
from zoneproof.core.text import sanitize
from zoneproof.core.toml import read_reference
from zoneproof.core.usual_cas import usual_cas
from zoneproof.manager.notifications.notice import Notice, as_text, subject
from zoneproof.manager.notifications.settings import SmtpSettings

DEADLINE = 60.0  # seconds for the whole conversation
_LONGEST_SUBJECT = 200  # characters
_MOST_SAID = 1024 * 1024  # bytes of all that a server says
_ENDLESS = "its reply does not end"


class _Replies:
    """What a server says, up to a limit: smtplib would keep a reply without end in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _MOST_SAID
        self.close = file.close

    def readline(self, size: int) -> bytes:
        line = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise OSError(_ENDLESS)
        return line


class _Conversation(smtplib.SMTP):
    _replies: _Replies | None = None

    @property
    def file(self) -> _Replies | None:
        return self._replies

    @file.setter
    def file(self, file: BinaryIO | None) -> None:
        self._replies = _Replies(file) if file else None


class _TlsConversation(_Conversation, smtplib.SMTP_SSL):
    pass


def compose(
    settings: SmtpSettings, notices: Sequence[Notice], machine: str, now: datetime
) -> EmailMessage:
    """Return one message about all notices; their texts must be :func:`fit_to_send`."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = f"[zoneproof] {subject(notices)}"[:_LONGEST_SUBJECT]
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
    # Not 8bit, which a server need not take.
    message.set_content(
        f"{as_text(notices)}\n-- \nZoneproof on {machine}\n", cte="quoted-printable"
    )
    return message


async def mail(settings: SmtpSettings, message: EmailMessage, *, deadline: float = DEADLINE) -> str:
    """Hand the message to the server; return a line about what went wrong, or an empty one.

    ``deadline`` is in seconds. Raises InvalidInputError for settings that cannot be used.
    """
    password = read_reference(settings.password, "password")
    if not (settings.user + password).isascii():  # smtplib sends nothing else
        raise InvalidInputError("user and password must be ASCII: set another password")
    context = load_ca_bundle(settings.ca_bundle) or usual_cas()
    kind = _TlsConversation if settings.security == "tls" else _Conversation
    connection = kind.__new__(kind)  # made here, so that it can be hung up on while it connects
    conversation = asyncio.create_task(
        asyncio.to_thread(_converse, connection, settings, password, context, message, deadline)
    )
    try:
        async with asyncio.timeout(deadline):
            refused = await asyncio.shield(conversation)
    except (TimeoutError, asyncio.CancelledError) as error:
        _hang_up(connection)
        await asyncio.gather(conversation, return_exceptions=True)
        if isinstance(error, asyncio.CancelledError):
            raise
        reason = f"not finished within {deadline:g} seconds: check host, port and security"
    except (smtplib.SMTPException, OSError) as error:
        reason = _reason(error, settings, password)
    else:
        if not refused:
            return ""
        reason = f"it refuses some recipients: {_refusals(refused, password)}"
    return f"{settings.where}: {reason}"


def _converse(
    connection: smtplib.SMTP,
    settings: SmtpSettings,
    password: str,
    context: ssl.SSLContext,
    message: EmailMessage,
    seconds: float,
) -> dict[str, tuple[int, bytes]]:
    """Return the recipients that were refused while others were not."""
    where = (settings.host, settings.port_used)
    if isinstance(connection, smtplib.SMTP_SSL):
        smtplib.SMTP_SSL.__init__(connection, *where, timeout=seconds, context=context)
    else:
        smtplib.SMTP.__init__(connection, *where, timeout=seconds)
    with connection:
        if settings.security == "starttls":
            connection.starttls(context=context)
        if settings.user:
            connection.login(settings.user, password)
        return connection.send_message(message, settings.sender, settings.recipients)


def _hang_up(connection: smtplib.SMTP) -> None:
    """End a conversation that another thread is in."""
    if connection.sock:
        with suppress(OSError):
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)  # not TLS's own goodbye


def _reason(error: Exception, settings: SmtpSettings, password: str) -> str:
    """Say for people what went wrong, in the server's own words where it said something."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"it refuses all recipients: {_refusals(error.recipients, password)}"
    if isinstance(error, smtplib.SMTPResponseException):
        words = sanitize(error.smtp_error, secrets=[password])
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return f"it refuses user and password: {error.smtp_code} {words}"
        if isinstance(error, smtplib.SMTPSenderRefused):
            return f"it refuses the sender {settings.sender}: {error.smtp_code} {words}"
        return f"it refuses: {error.smtp_code} {words}"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        if _ENDLESS in str(error):
            return _ENDLESS
        return "it closed the connection: check port and security"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({sanitize(error.verify_message)})"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS there: check port and security"
    if isinstance(error, socket.gaierror):
        return "the DNS does not know its host name: check host"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused: nothing listens there"
    return f"it failed: {sanitize(str(error), secrets=[password])}"


def _refusals(refused: dict[str, tuple[int, bytes]], password: str) -> str:
    return "; ".join(
        f"{recipient}: {code} {sanitize(words, secrets=[password])}"
        for recipient, (code, words) in refused.items()
    )
