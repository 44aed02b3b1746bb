"""A visit to a page of the service: whose key opened the session, and what is answered."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from zoneproof.challengedns.api.pages import ADMIN, PORTAL, PagesContext
from zoneproof.challengedns.api.responses import STATUS
from zoneproof.challengedns.store import sessions
from zoneproof.challengedns.store.audit import Actor, holder_of
from zoneproof.challengedns.store.authentication import Administered, administered_with
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.challengedns.store.tenants import operator_key_needed
from zoneproof.challengepages.looks import Looks
from zoneproof.core.errors import (
    InvalidInputError,
    RegistrationError,
    StorageError,
    UnconfirmedChangeError,
    ZoneproofError,
)
from zoneproof.pages import browser
from zoneproof.pages.application import PageVisit
from zoneproof.pages.assets import Assets
from zoneproof.pages.forms import Form, read_form
from zoneproof.pages.rendering import Templates
from zoneproof.serving.limits import RateLimit, network_of
from zoneproof.serving.responses import log_refused, shown_path
from zoneproof.storage import Transaction

T = TypeVar("T")

SESSION_COOKIE: Final = "__Host-zoneproof-service"
_log = logging.getLogger(__name__)


class Refusals:
    """How many failed attempts to sign in are noted in the audit log; the service's log has all.

    So strangers, however many they are, neither fill it nor keep the database busy.
    """

    def __init__(self) -> None:
        self._of_one = RateLimit(5 / 3600, 5)
        self._of_all = RateLimit(60 / 3600, 60)

    def is_to_be_noted(self, address: str) -> bool:
        """Count one from an address, and tell whether there is room for it."""
        return not (self._of_one.take(network_of(address)) or self._of_all.take(""))


@dataclass(frozen=True)
class ServiceSite:
    """What all visits share."""

    context: PagesContext
    assets: Assets
    templates: Templates
    refusals: Refusals
    looks: Looks


@dataclass
class ServiceVisit(PageVisit):
    """One request. ``root`` is whose pages it asks for: the operator's or the tenants'.

    ``who`` is the key of the session, None for somebody who is not signed in.
    """

    site: ServiceSite
    request: Request
    root: str
    who: LicenceKey | None
    form: Form

    @property
    def is_operator(self) -> bool:
        """Whether these are the operator's pages."""
        return self.root == ADMIN

    @property
    def tenant(self) -> str:
        """The tenant whose pages these are; the operator's are of none."""
        assert self.who is not None
        return self.who.tenant or ""

    @property
    def registrations(self) -> Registrations:
        """The registrations, as the session's key changes them."""
        registrations = self.site.context.registrations
        return registrations if self.who is None else registrations.by(self.acting(self.who))

    def acting(self, key: LicenceKey) -> Actor:
        """Return who does something in a session that was begun with a key."""
        return holder_of(key, self.address, by_session=True)

    @property
    def url(self) -> str:
        """The service's URL, as the browser knows it."""
        headers = self.request.headers
        # What a proxy says of TLS is only shown, and to nobody but who sent it.
        scheme = headers.get("x-forwarded-proto", self.request.url.scheme)
        return f"{'https' if scheme == 'https' else 'http'}://{headers['host']}"

    @property
    def now(self) -> int:
        """The time, in seconds since 1970."""
        return self.site.context.registrations.now()

    async def read(self, work: Callable[[Transaction, LicenceKey], T]) -> T:
        """Do what only reads, for the session's key if it may still be used."""
        return await self.site.context.database.read(lambda tx: work(tx, self._permit(tx)))

    async def write(self, work: Callable[[Transaction, LicenceKey], T]) -> T:
        """Do what changes something, as :meth:`read` does."""
        return await self.site.context.database.write(lambda tx: work(tx, self._permit(tx)))

    def registration(self, tx: Transaction, who: LicenceKey) -> Administered:
        """Return the registration of the path, if the key may administer it."""
        return administered_with(tx, who, self.name)

    def _permit(self, tx: Transaction) -> LicenceKey:
        who = sessions.key_of(tx, session_of(self.request), self.now)
        if (who.tenant is None) != self.is_operator:
            raise operator_key_needed()
        return who

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """Return a page."""
        context |= {"visit": self, "who": self.who, "root": self.root}
        return browser.show(self.site.templates, self.request, template, status, context)

    def go(self, path: str, note: str = "", **query: str) -> Response:
        """Lead to another page below the root, which shows the note."""
        return browser.lead_to(f"{self.root}{path}", note, **query)

    def show_once(self, path: str, **texts: str) -> Response:
        """Lead to another page below the root, which shows secret texts once."""
        return browser.show_once(f"{self.root}{path}", **texts)


Handler = Callable[[ServiceVisit], Awaitable[Response]]


@dataclass(frozen=True)
class ServicePage:
    """One method of one path below a root; ``is_open`` is for those who are not signed in, too."""

    method: str
    root: str
    path: str
    handler: Handler
    is_open: bool = False


def page_routes(site: ServiceSite, pages: Iterable[ServicePage]) -> list[Route]:
    """Return the routes of the pages."""
    return [
        Route(page.root + page.path, _endpoint(site, page), methods=[page.method]) for page in pages
    ]


def session_of(request: Request) -> str:
    """Return the secret of the browser's session, or an empty text."""
    return request.cookies.get(SESSION_COOKIE, "")


def _endpoint(site: ServiceSite, page: ServicePage) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        form = await read_form(request)
        visit = ServiceVisit(site, request, page.root, None, form)
        try:
            visit.who = await _key_of(visit)
            return await _answer(visit, page)
        except ZoneproofError as error:
            return _problem(visit, error)

    return handle


async def _key_of(visit: ServiceVisit) -> LicenceKey | None:
    secret = session_of(visit.request)
    if not secret:
        return None
    try:
        return await visit.site.context.database.read(
            lambda tx: sessions.key_of(tx, secret, visit.now)
        )
    except RegistrationError:
        return None


async def _answer(visit: ServiceVisit, page: ServicePage) -> Response:
    who = visit.who
    if page.is_open:
        return await page.handler(visit)
    if who is None:
        if page.method != "GET" or browser.is_part(visit.request):
            return browser.signed_out(visit.request, visit.page)
        path, query = visit.request.url.path, visit.request.url.query
        return visit.go("/sign-in", to=f"{path}?{query}" if query else path)
    if who.tenant is None and page.root == PORTAL and page.method == "GET":
        return browser.lead_to(f"{ADMIN}/")
    if (who.tenant is None) != visit.is_operator:
        raise operator_key_needed()
    return await page.handler(visit)


def _problem(visit: ServiceVisit, error: ZoneproofError) -> Response:
    status, message = 502, error.message
    match error:
        case RegistrationError():
            status = STATUS.get(error.code, 400)
            log_refused(visit.request, error.code, error.message)
            message = for_people(error)
        case InvalidInputError():
            status = 400
        case UnconfirmedChangeError():
            status = 503
            message = "The change is stored, but not yet answered everywhere: look again."
        case StorageError():
            status = 500
            message = "The database failed, so nothing was changed: the service's log says more."
            _log.error("%s failed: %s", shown_path(visit.request), error.message)
    return problem(visit, status, message)


_FOR_PEOPLE = {
    "forbidden": "the key is not known, or its tenant is disabled",
    "licence_expired": "the tenant's last day is over: ask the operator",
    "quota_exceeded": "the quota is used up: delete a registration, or ask the operator for more",
    "operator_key_needed": "this needs the operator's key",
}


def for_people(error: RegistrationError) -> str:
    """Return a refusal in words that tell a stranger nothing of others."""
    return _FOR_PEOPLE.get(error.code, error.message)


def problem(visit: ServiceVisit, status: int, message: str) -> Response:
    """Return a page that says what is wrong."""
    if browser.is_part(visit.request):
        return browser.in_place(
            visit.page("problem_part.html", status, message=message), "#problem"
        )
    if visit.who is None or (visit.who.tenant is None) != visit.is_operator:
        return visit.page("refused.html", status, message=message)
    return visit.page("problem.html", status, message=message)
