"""Tells people what happens to their certificates, by e-mail and webhook."""

from zoneproof.manager.notifications.notice import Kind, Notice
from zoneproof.manager.notifications.send import send, send_test
from zoneproof.manager.notifications.settings import NotifySettings, SmtpSettings, WebhookSettings

__all__ = [
    "Kind",
    "Notice",
    "NotifySettings",
    "SmtpSettings",
    "WebhookSettings",
    "send",
    "send_test",
]
