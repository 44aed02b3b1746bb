"""Users, sessions, API tokens, and the audit log."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError, NotFoundError
from zoneproof.manager.people.passwords import SHORTEST, hash_password, is_password
from zoneproof.manager.people.roles import MEANINGS, ROLES
from zoneproof.manager.people.sessions import WebSession
from zoneproof.pages.browser import show_once
from zoneproof.web.signing import passkeys
from zoneproof.web.visits import Page, Visit, end_session

_ENTRIES, _LONGEST_NUMBER = 100, 18


def pages() -> list[Page]:
    """Return the pages."""
    return [
        Page("GET", "/me", _me),
        Page("POST", "/me/password", _change_password),
        Page("POST", "/me/sessions/{name}/end", _end_own_session),
        Page("GET", "/users", _users, "administrator"),
        Page("POST", "/users", _add_user, "administrator"),
        Page("POST", "/users/{name}/role", _set_role, "administrator"),
        Page("POST", "/users/{name}/link", _new_link, "administrator"),
        Page("GET", "/users/{name}/remove", _ask_to_remove_user, "administrator"),
        Page("POST", "/users/{name}/remove", _remove_user, "administrator"),
        Page("POST", "/sessions/{name}/end", _end_session, "administrator"),
        Page("POST", "/tokens", _add_token, "administrator"),
        Page("GET", "/tokens/{name}/remove", _ask_to_remove_token, "administrator"),
        Page("POST", "/tokens/{name}/remove", _remove_token, "administrator"),
        Page("GET", "/audit", _audit, "administrator"),
    ]


async def _me(visit: Visit, error: str = "") -> Response:
    assert visit.who is not None
    return visit.page(
        "me.html",
        400 if error else 200,
        sessions=await _own_sessions(visit),
        passkeys=await visit.manager.people.passkeys.of(visit.who.user),
        may_add=passkeys.are_possible(visit.request),
        meaning=MEANINGS[visit.who.role],
        shortest=SHORTEST,
        error=error,
    )


async def _own_sessions(visit: Visit) -> list[WebSession]:
    assert visit.who is not None
    found = await visit.manager.people.sessions.all()
    return [one for one in found if one.user == visit.who.user]


async def _change_password(visit: Visit) -> Response:
    users, form = visit.manager.people.users, visit.form
    visit.does("change password", visit.person)
    try:
        if form.secret("password") != form.secret("again"):
            raise InvalidInputError("the two passwords differ: type the same twice")
        stored = await users.password_of(visit.person)
        if not await is_password(stored, form.secret("present")):
            raise InvalidInputError("the present password is wrong")
        await users.set_password(visit.person, await hash_password(form.secret("password")))
    except InvalidInputError as error:
        return await _me(visit, visit.refused(error))
    return end_session(visit.go("/sign-in", "The password is changed: sign in with it."))


async def _end_own_session(visit: Visit) -> Response:
    visit.does("end session", visit.person)
    if visit.name in {one.id for one in await _own_sessions(visit)}:
        await visit.manager.people.sessions.end(visit.name)
    return visit.go("/me", "The session has ended.")


async def _users(visit: Visit, error: str = "") -> Response:
    people = visit.manager.people
    return visit.page(
        "users.html",
        400 if error else 200,
        users=await people.users.all(),
        sessions=await people.sessions.all(),
        tokens=await people.tokens.all(),
        roles=ROLES,
        meanings=MEANINGS,
        error=error,
    )


async def _add_user(visit: Visit) -> Response:
    name, role = visit.form.text("name"), visit.form.text("role")
    visit.does("user add", name)
    users = visit.manager.people.users
    try:
        await users.add(name, role)
    except InvalidInputError as error:
        return await _users(visit, visit.refused(error))
    return show_once("/users", link=_url(visit, await users.add_link(name, role)))


async def _new_link(visit: Visit) -> Response:
    visit.does("user link", visit.name)
    users = visit.manager.people.users
    user = await users.get(visit.name)
    return show_once("/users", link=_url(visit, await users.add_link(user.name, user.role)))


def _url(visit: Visit, secret: str) -> str:
    """Return a link as the browser of whoever asks for it reaches the pages: maybe by a proxy."""
    host, origin = visit.request.headers["host"], visit.request.headers.get("origin", "")
    is_https = origin == f"https://{host}" or visit.request.url.scheme == "https"
    return f"{'https' if is_https else 'http'}://{host}/welcome?token={secret}"


async def _set_role(visit: Visit) -> Response:
    visit.does("user role", f"{visit.name}: {visit.form.text('role')[:20]}")
    user = await visit.manager.people.users.set_role(visit.name, visit.form.text("role"))
    return visit.go("/users", f"{user.name} is {user.role} now.")


async def _ask_to_remove_user(visit: Visit) -> Response:
    user = await visit.manager.people.users.get(visit.name)
    return visit.page(
        "ask.html",
        heading=f"Remove the user {user.name}?",
        text="The person is signed out everywhere, and cannot sign in again.",
        button="Remove",
        back="/users",
    )


async def _remove_user(visit: Visit) -> Response:
    visit.does("user remove", visit.name)
    people = visit.manager.people
    await people.users.remove(visit.name)
    made = [one.name for one in await people.tokens.all() if one.created_by == visit.name]
    stay = f" These API tokens of theirs still work: {', '.join(made)}." if made else ""
    return visit.go("/users", f"{visit.name} is removed, and signed out everywhere.{stay}")


async def _end_session(visit: Visit) -> Response:
    found = [one for one in await visit.manager.people.sessions.all() if one.id == visit.name]
    visit.does("end session", found[0].user if found else "")
    await visit.manager.people.sessions.end(visit.name)
    return visit.go("/users", "The session has ended.")


async def _add_token(visit: Visit) -> Response:
    name, days = visit.form.text("name"), visit.form.text("days")
    visit.does("token add", name)
    try:
        if not (days.isascii() and days.isdigit() and len(days) <= 5):
            raise InvalidInputError("say for how many days the token is good, as a number")
        secret = await visit.manager.people.tokens.add(
            name, visit.form.text("role"), int(days), visit.person
        )
    except InvalidInputError as error:
        return await _users(visit, visit.refused(error))
    return show_once("/users", token=secret)


async def _ask_to_remove_token(visit: Visit) -> Response:
    for one in await visit.manager.people.tokens.all():
        if one.id == visit.name:
            return visit.page(
                "ask.html",
                heading=f"Remove the token {one.name}?",
                text="Programs that use it are refused from then on.",
                button="Remove",
                back="/users",
            )
    raise NotFoundError("this token does not exist: it may already have been removed")


async def _remove_token(visit: Visit) -> Response:
    found = [one for one in await visit.manager.people.tokens.all() if one.id == visit.name]
    visit.does("token remove", found[0].name if found else "")
    await visit.manager.people.tokens.remove(visit.name)
    return visit.go("/users", "The token is removed: programs that use it are refused now.")


async def _audit(visit: Visit) -> Response:
    text, before, number = (visit.query.text(name) for name in ("q", "before", "number"))
    is_number = number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER
    found = await visit.manager.people.audit.latest(
        text, most=_ENTRIES + 1, before=before, number=int(number) if is_number else 0
    )
    shown = found[:_ENTRIES]
    query = {"q": text, "before": shown[-1].at, "number": str(shown[-1].number)} if shown else {}
    older = urlencode(query) if len(found) > _ENTRIES else ""
    return visit.page("audit.html", entries=shown, text=text, older=older)
