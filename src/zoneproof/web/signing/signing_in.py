"""Signing in and out, and the one-time link with which a person chooses a password."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import count
from zoneproof.manager.people.audit import OK, SIGN_IN_FAILED
from zoneproof.manager.people.passwords import SHORTEST, hash_password, is_password
from zoneproof.manager.people.users import User
from zoneproof.serving.limits import RateLimit, network_of
from zoneproof.serving.middleware import sender
from zoneproof.web.visits import (
    KEPT_COOKIE,
    Page,
    Visit,
    end_session,
    set_session,
    set_theme,
)

_AT_ONCE, _SECONDS = 5, 20.0  # failures of a user or an address at once, and then one in so many


class Failures:
    """Slows down who guesses: by the name that is tried, and by where the attempts come from."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = RateLimit(1 / _SECONDS, _AT_ONCE, clock=clock)

    def wait(self, *keys: str) -> int:
        """Count an attempt; return the seconds to wait, 0 for none."""
        return math.ceil(max(self._limit.take(key) for key in keys))


def pages() -> list[Page]:
    """Return the pages."""
    failures = Failures()

    async def check(visit: Visit) -> Response:
        return await _sign_in(visit, failures)

    return [
        Page("GET", "/sign-in", _show, None),
        Page("POST", "/sign-in", check, None),
        Page("POST", "/sign-out", _sign_out),
        Page("GET", "/welcome", _welcome, None),
        Page("POST", "/welcome", _choose_password, None),
        Page("POST", "/theme", _set_theme, None),
    ]


async def _show(visit: Visit) -> Response:
    to = _local(visit.query.text("to"))
    if visit.who:
        return visit.go(to)
    users = await visit.manager.people.users.all()
    return visit.page(
        "sign_in.html",
        to=to,
        name="",
        error="",
        has_users=bool(users),
        lost_cookie=visit.query.is_on(KEPT_COOKIE),
    )


async def _sign_in(visit: Visit, failures: Failures) -> Response:
    people = visit.manager.people
    name, to = visit.form.text("name")[:64], _local(visit.form.text("to"))
    address = str(sender(visit.request))
    visit.does(SIGN_IN_FAILED, name)
    seconds = failures.wait(f"user {name}", f"address {network_of(address)}")
    if seconds:
        error = f"too many attempts: try again in {count(seconds, 'second')}"
    else:
        stored = await people.users.password_of(name)
        if await is_password(stored, visit.form.secret("password")):
            user = await people.users.get(name)
            return await _begin(visit, user, to)
        error = "the name or the password is wrong"
    visit.failure = error
    status = 429 if seconds else 401
    context = {"to": to, "name": name, "error": error, "has_users": True, "lost_cookie": False}
    return visit.page("sign_in.html", status, **context)


async def _begin(visit: Visit, user: User, to: str) -> Response:
    people = visit.manager.people
    address = str(sender(visit.request))
    browser = visit.request.headers.get("user-agent", "")
    failed = await people.audit.failed_sign_ins(user.name, user.signed_in_at)
    secret = await people.sessions.begin(user, address, browser)
    await people.users.note_sign_in(user)
    await people.audit.add(user.name, "sign in", user.name, address=address, result=OK)
    visit.does("")
    note = ""
    if failed:
        note = f"Since you last signed in, {count(failed, 'attempt')} with your name failed."
    separator = "&" if "?" in to else "?"
    return set_session(
        visit.go(f"{to}{separator}{KEPT_COOKIE}=1" if to == "/" else to, note), secret
    )


async def _sign_out(visit: Visit) -> Response:
    assert visit.who is not None
    visit.does("sign out", visit.who.user)
    await visit.manager.people.sessions.end(visit.who.id)
    return end_session(visit.go("/sign-in"))


async def _welcome(visit: Visit) -> Response:
    secret = visit.query.text("token")
    link = await visit.manager.people.users.link(secret)
    return visit.page("welcome.html", link=link, secret=secret, shortest=SHORTEST, error="")


async def _choose_password(visit: Visit) -> Response:
    people = visit.manager.people
    secret, password = visit.form.secret("token"), visit.form.secret("password")
    link = await people.users.link(secret)
    name = link.name or visit.form.text("name")
    visit.does("choose a password", name)
    try:
        if password != visit.form.secret("again"):
            raise InvalidInputError("the two passwords differ: type the same twice")
        user = await people.users.use_link(secret, name, await hash_password(password))
    except InvalidInputError as error:
        text = visit.refused(error)
        context = {"link": link, "secret": secret, "shortest": SHORTEST, "error": text}
        return visit.page("welcome.html", 400, **context)
    answer = await _begin(visit, user, "/")
    visit.does("choose a password", user.name)
    return answer


async def _set_theme(visit: Visit) -> Response:
    return set_theme(visit.go(_local(visit.form.text("to"))), visit.form.text("theme"))


def _local(path: str) -> str:
    """Return a path on this server, whatever a link says."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_local and path.isprintable() else "/"
