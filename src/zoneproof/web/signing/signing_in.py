"""Signing in and out, and the one-time link with which a person chooses a password."""

from __future__ import annotations

import shlex

from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import count
from zoneproof.manager.people.audit import SIGN_IN_FAILED
from zoneproof.manager.people.passwords import SHORTEST, hash_password, is_password
from zoneproof.pages.browser import local_path, set_theme
from zoneproof.web.signing import oidc, passkeys
from zoneproof.web.signing.session import Failures, begin_session
from zoneproof.web.visits import KEPT_COOKIE, Page, Visit, end_session, names_of_proxy


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
        *passkeys.pages(failures),
        *oidc.pages(failures),
    ]


async def _show(visit: Visit) -> Response:
    to = local_path(visit.query.text("to"))
    if visit.who:
        return visit.go(to)
    refused = _refused_behind_proxy(visit)
    return await (_door(visit, 403, to, error=refused) if refused else _door(visit, 200, to))


def _refused_behind_proxy(visit: Visit) -> str:
    """Return why somebody is not let in whom a proxy should name, empty where people sign in."""
    names, header = names_of_proxy(visit.site, visit.request), visit.site.user_header
    match names:
        case None:
            return ""
        case []:
            return f"the proxy names nobody: it has to send the user's name as `{header}`"
        case [name]:
            name = name[:64]
            return (
                f"the proxy names you as {name}, who is not a user here: an administrator adds you"
                f" with `zoneproof web user add {shlex.quote(name)}`"
            )
    return f"the proxy names several users: it has to replace the `{header}` that clients send"


async def _door(visit: Visit, status: int, to: str, name: str = "", error: str = "") -> Response:
    return visit.page(
        "sign_in.html",
        status,
        to=to,
        name=name,
        error=error,
        has_users=bool(await visit.manager.people.users.all()),
        passkeys=passkeys.are_possible(visit.request),
        by_proxy=names_of_proxy(visit.site, visit.request) is not None,
        oidc=visit.manager.settings.web.oidc,
        lost_cookie=visit.query.is_on(KEPT_COOKIE),
    )


async def _sign_in(visit: Visit, failures: Failures) -> Response:
    people = visit.manager.people
    name, to = visit.form.text("name")[:64], local_path(visit.form.text("to"))
    seconds = failures.wait(f"user {name}", f"address {visit.network}")
    if seconds:  # not noted, so that nobody can fill the audit log
        error = f"too many attempts: try again in {count(seconds, 'second')}"
    else:
        visit.does(SIGN_IN_FAILED, name)
        stored = await people.users.password_of(name)
        if await is_password(stored, visit.form.secret("password")):
            user = await people.users.get(name)
            return await begin_session(visit, user, to)
        error = "the name or the password is wrong"
    visit.failure = error
    return await _door(visit, 429 if seconds else 401, to, name, error)


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
    answer = await begin_session(visit, user, "/")
    visit.actor = user.name
    visit.does("choose a password", user.name)
    return answer


async def _set_theme(visit: Visit) -> Response:
    return set_theme(visit.go(local_path(visit.form.text("to"))), visit.form.text("theme"))
