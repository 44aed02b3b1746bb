"""Signing in with a key, and out: an operator's key leads to /admin/, a tenant's to /portal/."""

from __future__ import annotations

import contextlib

from starlette.responses import Response

from zoneproof.challengedns.api.pages import ADMIN, PORTAL
from zoneproof.challengedns.store import sessions
from zoneproof.challengedns.store.audit import stranger
from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.challengedns.store.tenants import tenant_meant
from zoneproof.challengepages.visits import (
    SESSION_COOKIE,
    ServicePage,
    ServiceVisit,
    for_people,
    session_of,
)
from zoneproof.core.errors import RegistrationError, StorageError
from zoneproof.pages import browser
from zoneproof.serving.responses import log_refused
from zoneproof.storage import Transaction


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
    registrations = visit.site.context.registrations

    def work(tx: Transaction) -> tuple[str, LicenceKey]:
        secret, who = sessions.begin(tx, key, visit.now)
        registrations.by(visit.acting(who)).audit.note(tx, "sign in", tenant=who.tenant)
        return secret, who

    try:
        secret, who = await visit.site.context.database.write(work)
    except RegistrationError as error:
        log_refused(visit.request, error.code, error.message)
        if visit.site.refusals.is_to_be_noted(visit.address):
            await _note_refused(visit, key, error)
        status = 403 if error.code == "licence_expired" else 401
        text = for_people(error)
        return visit.page("sign_in.html", status, to=to, error=text)
    home = _home(who.tenant)
    is_theirs = to.startswith(home) and to != f"{home}sign-in"
    answer = browser.lead_to(browser.local_path(to, home) if is_theirs else home)
    return browser.set_session(answer, SESSION_COOKIE, secret)


async def _note_refused(visit: ServiceVisit, key: str, error: RegistrationError) -> None:
    registrations = visit.site.context.registrations.by(stranger(visit.address))

    def work(tx: Transaction) -> None:
        tenant = tenant_meant(tx, key)
        registrations.audit.note(tx, "sign in", tenant=tenant, result=error.message)

    # What cannot be written is in the service's log, and no reason to answer anything else.
    with contextlib.suppress(StorageError):
        await visit.site.context.database.write(work)


async def _sign_out(visit: ServiceVisit) -> Response:
    secret = session_of(visit.request)
    if visit.who is not None:
        tenant, audit = visit.who.tenant, visit.registrations.audit

        def work(tx: Transaction) -> None:
            sessions.end(tx, secret)
            audit.note(tx, "sign out", tenant=tenant)

        await visit.site.context.database.write(work)
    return browser.end_session(visit.go("/sign-in"), SESSION_COOKIE)


async def _set_theme(visit: ServiceVisit) -> Response:
    to = browser.local_path(visit.form.text("to"), f"{visit.root}/")
    return browser.set_theme(browser.lead_to(to), visit.form.text("theme"))


def _home(tenant: str | None) -> str:
    return f"{ADMIN if tenant is None else PORTAL}/"
