"""What every way to sign in shares: attempts are slowed down, and a session begins."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from starlette.responses import Response

from zoneproof.core.text import count
from zoneproof.manager.people.audit import OK
from zoneproof.manager.people.users import User
from zoneproof.serving.limits import RateLimit
from zoneproof.web.visits import KEPT_COOKIE, Visit, set_session

_AT_ONCE, _SECONDS = 5, 20.0  # failures of a user or an address at once, and then one in so many


class Failures:
    """Slows down who guesses: by the name that is tried, and by where the attempts come from."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = RateLimit(1 / _SECONDS, _AT_ONCE, clock=clock)

    def wait(self, *keys: str) -> int:
        """Count an attempt; return the seconds to wait, 0 for none."""
        return math.ceil(max(self._limit.take(key) for key in keys))


async def begin_session(visit: Visit, user: User, to: str) -> Response:
    """Sign the user in, and lead to the page where the person wanted to go."""
    people = visit.manager.people
    browser = visit.request.headers.get("user-agent", "")
    failed = await people.audit.failed_sign_ins(user.name, user.signed_in_at)
    secret = await people.sessions.begin(user, visit.address, browser)
    await people.users.note_sign_in(user)
    await people.audit.add(user.name, "sign in", user.name, address=visit.address, result=OK)
    visit.does("")
    note = ""
    if failed:
        note = f"Since you last signed in, {count(failed, 'attempt')} with your name failed."
    query = {KEPT_COOKIE: "1"} if to == "/" else {}
    return set_session(visit.go(to, note, **query), secret)
