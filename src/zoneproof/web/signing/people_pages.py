"""Users, sessions, API tokens, and the audit log."""

from __future__ import annotations

from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError
from zoneproof.manager.people.roles import MEANINGS, ROLES
from zoneproof.web.visits import Page, Visit

_ENTRIES = 100


def pages() -> list[Page]:
    """Return the pages."""
    return [
        Page("GET", "/users", _users, "administrator"),
        Page("POST", "/users", _add_user, "administrator"),
        Page("POST", "/users/{name}/role", _set_role, "administrator"),
        Page("POST", "/users/{name}/link", _new_link, "administrator"),
        Page("POST", "/users/{name}/remove", _remove_user, "administrator"),
        Page("POST", "/sessions/{name}/end", _end_session, "administrator"),
        Page("POST", "/tokens", _add_token, "administrator"),
        Page("POST", "/tokens/{name}/remove", _remove_token, "administrator"),
        Page("GET", "/audit", _audit, "administrator"),
    ]


async def _users(visit: Visit, error: str = "", secret: str = "", link: str = "") -> Response:
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
        secret=secret,
        link=link,
    )


async def _add_user(visit: Visit) -> Response:
    name, role = visit.form.text("name"), visit.form.text("role")
    visit.does("user add", name)
    users = visit.manager.people.users
    try:
        await users.add(name, role)
    except InvalidInputError as error:
        return await _users(visit, visit.refused(error))
    return await _users(visit, link=_url(visit, await users.add_link(name, role)))


async def _new_link(visit: Visit) -> Response:
    visit.does("user link", visit.name)
    users = visit.manager.people.users
    user = await users.get(visit.name)
    return await _users(visit, link=_url(visit, await users.add_link(user.name, user.role)))


def _url(visit: Visit, secret: str) -> str:
    return f"{visit.request.url.scheme}://{visit.request.headers['host']}/welcome?token={secret}"


async def _set_role(visit: Visit) -> Response:
    visit.does("user role", f"{visit.name}: {visit.form.text('role')[:20]}")
    user = await visit.manager.people.users.set_role(visit.name, visit.form.text("role"))
    return visit.go("/users", f"{user.name} is {user.role} now.")


async def _remove_user(visit: Visit) -> Response:
    visit.does("user remove", visit.name)
    await visit.manager.people.users.remove(visit.name)
    return visit.go("/users", f"{visit.name} is removed, and signed out everywhere.")


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
    return await _users(visit, secret=secret)


async def _remove_token(visit: Visit) -> Response:
    found = [one for one in await visit.manager.people.tokens.all() if one.id == visit.name]
    visit.does("token remove", found[0].name if found else "")
    await visit.manager.people.tokens.remove(visit.name)
    return visit.go("/users", "The token is removed: programs that use it are refused now.")


async def _audit(visit: Visit) -> Response:
    text, before = visit.query.text("q"), visit.query.text("before")
    entries = await visit.manager.people.audit.latest(text, most=_ENTRIES, before=before)
    older = entries[-1].at if len(entries) == _ENTRIES else ""
    return visit.page("audit.html", entries=entries, text=text, older=older)
