"""What a form was opened with, so that nobody overwrites what somebody else saved meanwhile."""

from __future__ import annotations

import hashlib

from zoneproof.core.errors import BusyError, ZoneproofError
from zoneproof.pages.forms import Form

_FIELD = "seen"


class UnseenChangeError(BusyError):
    """Somebody else has changed meanwhile what a form was made from."""


def revision(text: str) -> str:
    """Return what tells a text from every other."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def require_seen(form: Form, before: str, what: str) -> None:
    """Raise UnseenChangeError if the text is not the one that the page was opened with."""
    if form.text(_FIELD) != revision(before):
        raise UnseenChangeError(
            f"{what} was changed by somebody else since this page was opened: nothing was"
            " saved. This is still what you typed; saving it again replaces what they did"
        )


def seen_with(form: Form, error: ZoneproofError | None, before: str) -> str:
    """Return what the page sends along when it is shown, again after an error."""
    # Who is told that somebody else was faster has seen it by that.
    known = "" if isinstance(error, UnseenChangeError) else form.text(_FIELD)
    return known or revision(before)
