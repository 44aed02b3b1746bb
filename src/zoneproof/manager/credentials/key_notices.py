"""What people are told of keys that expire, 30, 14, 7 and 1 days before."""

from __future__ import annotations

from datetime import datetime

from zoneproof.core.errors import InvalidInputError
from zoneproof.manager.credentials.expiry import expiry_in_words, reminder
from zoneproof.manager.credentials.store import Credentials
from zoneproof.manager.credentials.use import CredentialSummary, credential_summaries
from zoneproof.manager.notifications.notice import Notice
from zoneproof.providers import describe
from zoneproof.storage import Store


async def key_notices(store: Store, credentials: Credentials, now: datetime) -> list[Notice]:
    """Return a notice for each key of which people are to be told by now, and remember that.

    Raises StorageError.
    """
    notices = []
    for one in await credential_summaries(store):
        days = reminder(one.expires, now.date())
        if days is not None and await credentials.note_reminder(one.name, days):
            notices.append(
                Notice("key_expiring", "", (), _message(one, now), now, credential=one.name)
            )
    return notices


def _message(one: CredentialSummary, now: datetime) -> str:
    assert one.expires
    try:
        info = describe(one.provider)
    except InvalidInputError:  # of a newer version
        title, where, field = one.provider, "", "NAME"
    else:
        title, where = info.title, f" at {info.key_url}" if info.key_url else ""
        field = next((field.name for field in info.fields if field.secret), "NAME")
    users = f", used by {', '.join(one.used_by)}," if one.used_by else ""
    return (
        f"the key for {title}{users} {expiry_in_words(one.expires, now.date())}: make a new one"
        f"{where} and store it with 'zoneproof credential set {one.name} --field {field}=@FILE"
        " --expires DATE'"
    )
