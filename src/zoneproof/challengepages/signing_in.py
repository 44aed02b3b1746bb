"""Signing in with a key, and out: an operator's key leads to /admin/, a tenant's to /portal/."""

from __future__ import annotations

from starlette.responses import Response

from zoneproof.challengedns.api.pages import ADMIN, PORTAL
from zoneproof.challengedns.store import sessions
from zoneproof.challengepages.visits import (
    SESSION_COOKIE,
    ServicePage,
    ServiceVisit,
    for_people,
    session_of,
)
from zoneproof.core.errors import RegistrationError
from zoneproof.pages import browser
from zoneproof.serving.responses import log_refused


def pages() -> list[ServicePage]:
    """Return the pages."""
    return [
        page
        for root in (ADMIN, PORTAL)
        for page in (
            ServicePage("GET", root, "/sign-in", _show, is_open=True),
            ServicePage("POST", root, "/sign-in", _sign_in, is_open=True),
            ServicePage("POST", root, "/sign-out", _sign_out, is_open=True),
            ServicePage("POST", root, "/theme", _set_theme, is_open=True),
        )
    ]


async def _show(visit: ServiceVisit) -> Response:
    if visit.who is not None:
        return browser.lead_to(_home(visit.who.tenant))
    to = visit.query.text("to")
    return visit.page("sign_in.html", to=to, error="")


async def _sign_in(visit: ServiceVisit) -> Response:
    key, to = visit.form.text("key"), visit.form.text("to")
    # The keys are random and long: guessing is slowed down enough by the limit for each address.
    try:
        secret, who = await visit.site.context.database.write(
            lambda tx: sessions.begin(tx, key, visit.now)
        )
    except RegistrationError as error:
        log_refused(visit.request, error.code, error.message)
        status = 403 if error.code == "licence_expired" else 401
        text = for_people(error)
        return visit.page("sign_in.html", status, to=to, error=text)
    home = _home(who.tenant)
    is_theirs = to.startswith(home) and to != f"{home}sign-in"
    answer = browser.lead_to(browser.local_path(to, home) if is_theirs else home)
    return browser.set_session(answer, SESSION_COOKIE, secret)


async def _sign_out(visit: ServiceVisit) -> Response:
    secret = session_of(visit.request)
    if visit.who is not None:
        await visit.site.context.database.write(lambda tx: sessions.end(tx, secret))
    return browser.end_session(visit.go("/sign-in"), SESSION_COOKIE)


async def _set_theme(visit: ServiceVisit) -> Response:
    to = browser.local_path(visit.form.text("to"), f"{visit.root}/")
    return browser.set_theme(browser.lead_to(to), visit.form.text("theme"))


def _home(tenant: str | None) -> str:
    return f"{ADMIN if tenant is None else PORTAL}/"
