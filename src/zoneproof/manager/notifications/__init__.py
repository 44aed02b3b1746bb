"""Tells people what happens to their certificates, by e-mail and webhook.

:func:`should_tell` decides what is worth telling, :func:`send` tells it.
"""

from zoneproof.manager.notifications.notice import Kind, Notice
from zoneproof.manager.notifications.send import send, send_test
from zoneproof.manager.notifications.settings import (
    NotifySettings,
    SmtpSettings,
    WebhookSettings,
)
from zoneproof.manager.notifications.told import Told, is_expiring, should_tell

__all__ = [
    "Kind",
    "Notice",
    "NotifySettings",
    "SmtpSettings",
    "Told",
    "WebhookSettings",
    "is_expiring",
    "send",
    "send_test",
    "should_tell",
]
