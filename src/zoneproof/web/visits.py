"""A visit to a page: who comes, with the home opened for it, and what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from zoneproof.core.errors import (
    BusyError,
    InvalidInputError,
    NotFoundError,
    StorageError,
    VaultError,
    ZoneproofError,
)
from zoneproof.manager import Home, Manager, RunOptions, open_manager
from zoneproof.manager.certificates.remembered_files import RememberedFiles
from zoneproof.manager.people.audit import OK
from zoneproof.manager.people.columns import is_to_be_noted, now_text
from zoneproof.manager.people.roles import Role, may
from zoneproof.manager.people.sessions import WebSession
from zoneproof.pages import browser
from zoneproof.pages.application import PageVisit
from zoneproof.pages.assets import Assets
from zoneproof.pages.forms import Form, read_form
from zoneproof.pages.rendering import Templates
from zoneproof.serving.limits import IPNetwork, network_of, read_address
from zoneproof.serving.middleware import sender
from zoneproof.web.runs import Runs

SESSION_COOKIE = "__Host-zoneproof"
_LONGEST_FORM = 128 * 1024  # bytes: settings and definitions are edited as files
STRANGERS_ADVICE = ", and so does 'zoneproof renew' there"
_WITHOUT_SETTINGS = ("/settings", "/sign-out")  # what can be changed while they cannot be used
KEPT_COOKIE = "signed-in"
"""The field of a URL by which the page after signing in knows that there should be a session."""


@dataclass(frozen=True)
class Site:
    """What all visits share.

    ``user_header`` is the header in which ``proxies`` name the user whom they have let in, empty
    for none.
    """

    home: Home
    runs: Runs
    assets: Assets
    templates: Templates
    files: RememberedFiles
    options: RunOptions = field(default_factory=RunOptions)
    proxies: tuple[IPNetwork, ...] = ()
    user_header: str = ""

    def open_manager(self) -> AbstractAsyncContextManager[Manager]:
        """Open the home for one visit, as each command does, so that what changes is seen."""
        return open_manager(
            self.home, self.options, needs_secrets=False, anyhow=True, files=self.files
        )


@dataclass
class Visit(PageVisit):
    """One request. ``who`` is None for somebody who is not signed in.

    ``action``, ``subject`` and ``failure`` are for the audit log, and so is ``actor``, for somebody
    who was not signed in when the visit began.
    """

    site: Site
    request: Request
    manager: Manager
    who: WebSession | None
    form: Form
    action: str = ""
    subject: str = ""
    failure: str = ""
    actor: str = ""

    @property
    def person(self) -> str:
        """Who it is, for the audit log."""
        return self.actor or (self.who.user if self.who else "somebody")

    @property
    def troubles(self) -> list[str]:
        """What keeps this home from being changed or renewed; every page says it."""
        manager = self.manager
        vault = manager.vault_problem
        return [
            f"{what}: {why}"
            for what, why in (
                (
                    "The settings cannot be used, so nothing can be renewed",
                    manager.settings_problem,
                ),
                ("Nothing can be changed or renewed now", manager.storage_problem),
                ("Stored secrets cannot be opened, so nothing can be renewed", vault),
            )
            if why
        ]

    @property
    def network(self) -> str:
        """What one visitor commands: the address, or its /64."""
        return network_of(self.address)

    def may(self, role: Role) -> bool:
        """Tell whether who visits may do what needs the role."""
        return self.who is not None and may(self.who.role, role)

    def does(self, action: str, subject: str = "") -> None:
        """Say for the audit log what this visit does."""
        self.action, self.subject = action, subject

    def page(self, template: str, code: int = 200, /, **context: Any) -> Response:
        """Return a page, with a status code."""
        context |= {"visit": self, "who": self.who}
        return browser.show(self.site.templates, self.request, template, code, context)

    def go(self, path: str, note: str = "", **query: str) -> Response:
        """Lead to another page, which shows the note."""
        return browser.lead_to(path, note, **query)

    def refused(self, error: ZoneproofError) -> str:
        """Note for the audit log that it was refused, and return what to tell."""
        self.failure = error.message
        return error.message


Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """One method of one path; without ``role`` anybody may come."""

    method: str
    path: str
    handler: Handler
    role: Role | None = "viewer"


def page_routes(site: Site, pages: Iterable[Page]) -> list[Route]:
    """Return the routes of the pages."""
    return [Route(page.path, _endpoint(site, page), methods=[page.method]) for page in pages]


def _endpoint(site: Site, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        form = await read_form(request, _LONGEST_FORM)
        async with site.open_manager() as manager:
            who = await signed_in(site, manager, request)
            visit = Visit(site, request, manager, who, form)
            return await _answer(visit, page)

    return handle


async def _answer(visit: Visit, page: Page) -> Response:
    if page.role and visit.who is None:
        return _sign_in_first(visit, page)
    if page.role and not visit.may(page.role):
        return problem(visit, 403, f"This needs the role {page.role}: ask an administrator.")
    unusable = visit.manager.settings_problem
    if unusable and page.role and page.method == "POST" and page.path not in _WITHOUT_SETTINGS:
        return problem(visit, 500, f"Nothing was done: {unusable}")
    try:
        answer = await page.handler(visit)
    except ZoneproofError as error:
        answer = _failed(visit, error)
    if visit.action:
        try:
            await _note(visit)
        except StorageError as error:
            if not visit.failure:  # else that is what is to be told
                answer = _failed(visit, error)
    return answer


def _sign_in_first(visit: Visit, page: Page) -> Response:
    """Lead to the sign-in page, or say where it is, so that what somebody typed is not lost."""
    if page.method != "GET" or browser.is_part(visit.request):
        return browser.signed_out(visit.request, visit.page)
    if visit.query.is_on(KEPT_COOKIE):
        return visit.go("/sign-in", **{KEPT_COOKIE: "1"})
    path, query = visit.request.url.path, visit.request.url.query
    return visit.go("/sign-in", to=f"{path}?{query}" if query else path)


def _failed(visit: Visit, error: ZoneproofError) -> Response:
    status, message = status_of(error), visit.refused(error)
    if status == 500 and visit.who is None:
        message = browser.told_to_strangers(visit.request, error, STRANGERS_ADVICE)
    return problem(visit, status, message, error.records)


async def _note(visit: Visit) -> None:
    await visit.manager.people.audit.add(
        visit.person,
        visit.action,
        visit.subject,
        address=visit.address,
        result=visit.failure or OK,
    )


def status_of(error: ZoneproofError) -> int:
    """Return the status of an answer that tells why the manager refuses or fails."""
    match error:
        case NotFoundError():
            return 404
        case InvalidInputError():
            return 400
        case BusyError():
            return 409
        case StorageError() | VaultError():
            return 500
    return 502


async def signed_in(site: Site, manager: Manager, request: Request) -> WebSession | None:
    """Return the session of whom a trusted proxy names, or that the cookie stands for, or None."""
    names = names_of_proxy(site, request)
    if names is not None:
        # Of two, one may be the client's: the proxy has added its own instead of replacing it.
        return await _named_by_proxy(manager, request, names[0]) if len(names) == 1 else None
    secret = request.cookies.get(SESSION_COOKIE, "")
    sessions = manager.people.sessions
    found = await sessions.find(secret) if secret else None
    if found and is_to_be_noted(found.seen_at):
        with suppress(StorageError):  # on a full disk the pages can still be read
            await sessions.note_use(found)
    return found


def names_of_proxy(site: Site, request: Request) -> list[str] | None:
    """Return whom a trusted proxy names, None where people sign in here."""
    if not site.user_header or not is_from(request, site.proxies):
        return None
    return request.headers.getlist(site.user_header)


def is_from(request: Request, networks: Collection[IPNetwork]) -> bool:
    """Tell whether the connection itself comes from one of the networks."""
    address = read_address(request.client.host) if request.client else None
    return address is not None and any(address in network for network in networks)


async def _named_by_proxy(manager: Manager, request: Request, name: str) -> WebSession | None:
    """Return a session, stored nowhere and without an id, for a user whom the proxy has let in."""
    found = [user for user in await manager.people.users.all() if user.name == name]
    if not found:
        return None
    now = now_text()
    return WebSession(
        id="",
        user=found[0].name,
        role=found[0].role,
        address=str(sender(request)),
        browser="",
        created_at=now,
        seen_at=now,
    )


def problem(visit: Visit, status: int, message: str, records: Iterable[str] = ()) -> Response:
    """Return a page that says what is wrong, with the menu for whoever is signed in."""
    if browser.is_part(visit.request):
        return browser.in_place(
            visit.page("problem_part.html", status, message=message), "#problem"
        )
    template = "problem.html" if visit.who else "plain.html"
    return visit.page(template, status, message=message, status=status, records=tuple(records))


def set_session(answer: Response, secret: str) -> Response:
    """Give the browser the session's cookie."""
    return browser.set_session(answer, SESSION_COOKIE, secret)


def end_session(answer: Response) -> Response:
    """Take the session's cookie from the browser."""
    return browser.end_session(answer, SESSION_COOKIE)
