"""Registrations, for the operator and for their tenant: found, created, changed, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from zoneproof.challengedns.api.pages import ADMIN, PORTAL
from zoneproof.challengedns.api.responses import STATUS
from zoneproof.challengedns.store import usage
from zoneproof.challengedns.store.checks import check_networks, check_note
from zoneproof.challengedns.store.last_questions import LastQuestion, last_questions
from zoneproof.challengedns.store.registrations import NewRegistration, Registrations
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.challengepages.setup import ClientAccount, all_setups
from zoneproof.challengepages.visits import ServicePage, ServiceVisit, for_people
from zoneproof.challenges.events import RecordAwaited
from zoneproof.challenges.records import cname_record, look_for_records
from zoneproof.core.errors import (
    DnsError,
    InvalidInputError,
    InvalidNameError,
    RegistrationError,
    ZoneproofError,
)
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import Resolver, parse_server
from zoneproof.pages.browser import shown_once
from zoneproof.pages.records import RecordView, SightingView, record_views
from zoneproof.pages.seen import UnseenChangeError, require_seen, seen_with
from zoneproof.serving.limits import read_address
from zoneproof.serving.responses import log_refused
from zoneproof.storage import Transaction

_PAGE = 50
_NO_NETWORK = "invalid_allowfrom_cidr"
_CREATED = "The registration is created"


def pages() -> list[ServicePage]:
    """Return the pages."""
    one = "/registrations/{name}"
    return [
        ServicePage("GET", PORTAL, "/new", _ask_for_new),
        ServicePage("POST", PORTAL, "/new", _create),
        ServicePage("GET", ADMIN, "/registrations", _list),
        ServicePage("POST", ADMIN, f"{one}/assign", _assign),
        *(
            page
            for root in (ADMIN, PORTAL)
            for page in (
                ServicePage("GET", root, one, _show),
                ServicePage("POST", root, one, _change),
                ServicePage("POST", root, f"{one}/disable", _disable),
                ServicePage("POST", root, f"{one}/enable", _enable),
                ServicePage("GET", root, f"{one}/rotate", _ask_whether_to_rotate),
                ServicePage("POST", root, f"{one}/rotate", _rotate),
                ServicePage("GET", root, f"{one}/credentials", _credentials),
                ServicePage("GET", root, f"{one}/delete", _ask_whether_to_delete),
                ServicePage("POST", root, f"{one}/delete", _delete),
            )
        ),
    ]


@dataclass(frozen=True)
class Listed:
    """A registration in a list, when it last got a value, and when it was last asked for."""

    row: RegistrationRow
    fulldomain: str
    updated_at: int | None
    asked: LastQuestion | None


@dataclass(frozen=True)
class RegistrationList:
    """Some registrations, and how they were looked for. ``following`` continues the list."""

    rows: Sequence[Listed]
    text: str
    tenant: str
    following: str


async def read_list(visit: ServiceVisit) -> RegistrationList:
    """Return the registrations that the query asks for: a tenant's own, or the operator's all."""
    text, after = visit.query.text("q"), visit.query.text("after")
    registrations = visit.registrations

    def work(tx: Transaction, who: LicenceKey) -> RegistrationList:
        tenant = who.tenant or visit.query.text("tenant")
        found: Sequence[RegistrationRow] = ()
        for sought in _spellings(text):
            found = found or registrations.page(
                tx, tenant=tenant, text=sought, after=after, limit=_PAGE + 1
            )
        shown = found[:_PAGE]
        listed = _listed(tx, registrations, shown)
        following = shown[-1].subdomain if len(found) > _PAGE else ""
        return RegistrationList(listed, text, tenant, following)

    return await visit.read(work)


def _spellings(text: str) -> list[str]:
    """Return how what is looked for may be written: a domain becomes a note in A-labels."""
    if text.isascii():
        return [text]
    try:
        return [text, str(DomainName.parse(text))]
    except InvalidNameError:
        return [text]


def _listed(
    tx: Transaction, registrations: Registrations, found: Sequence[RegistrationRow]
) -> list[Listed]:
    subdomains = [one.subdomain for one in found]
    used, asked = usage.last_updates(tx, subdomains), last_questions(tx, subdomains)
    return [
        Listed(
            one,
            registrations.fulldomain(one.subdomain),
            used.get(one.subdomain),
            asked.get(one.subdomain),
        )
        for one in found
    ]


async def _list(visit: ServiceVisit) -> Response:
    return visit.page("registrations.html", found=await read_list(visit))


# --- one ---------------------------------------------------------------------------------------


async def _show(visit: ServiceVisit) -> Response:
    return await _page_of_one(visit)


async def _page_of_one(visit: ServiceVisit, refused: ZoneproofError | None = None) -> Response:
    registrations = visit.registrations

    def work(tx: Transaction, who: LicenceKey) -> tuple[Listed, list[tuple[str, int]]]:
        row = visit.registration(tx, who).registration
        (listed,) = _listed(tx, registrations, [row])
        return listed, registrations.values(tx, row.subdomain)

    one, values = await visit.read(work)
    row, fulldomain = one.row, one.fulldomain
    text = visit.query.text("domain")
    record, error = _record_for(text or row.note, fulldomain, asked=bool(text))
    looked: list[tuple[RecordView, SightingView | None]] = []
    if record:
        looked, error = await _look(visit, record) if text else (record_views([record]), error)
    return visit.page(
        "registration.html",
        _status(refused) if refused else 200,
        one=one,
        row=row,
        fulldomain=fulldomain,
        values=values,
        domain=text or (row.note if record else ""),
        looked=looked,
        error=error,
        typed=visit.form if refused else None,
        seen=seen_with(visit.form, refused, _revision(row)),
        refused=refused.message if refused else "",
    )


def _status(refused: ZoneproofError) -> int:
    return 409 if isinstance(refused, UnseenChangeError) else 400


def _revision(row: RegistrationRow) -> str:
    """Return a text that every change of what the form shows makes another one."""
    return f"{row.note} {row.allowfrom}"


def _record_for(text: str, fulldomain: str, *, asked: bool) -> tuple[str, str]:
    """Return the CNAME that lets a domain's challenge name lead here, or what is wrong."""
    try:
        name = _domain(text).child("_acme-challenge")
        return cname_record(name, DomainName.parse(fulldomain)), ""
    except InvalidNameError as error:
        return "", error.message if asked else ""


def _domain(text: str) -> DomainName:
    """Return the domain that is meant. Raises InvalidNameError."""
    if read_address(text.strip()):
        raise InvalidNameError(f"{text} is an IP address: CAs validate those over HTTP only")
    return DomainName.parse(text.strip()).base


async def _look(
    visit: ServiceVisit, record: str
) -> tuple[list[tuple[RecordView, SightingView | None]], str]:
    pages = visit.site.context.config.pages
    servers = [parse_server(text) for text in pages.resolvers]

    async def look() -> list[RecordAwaited]:
        port = pages.authoritative_port
        async with Resolver(servers or None, authoritative_port=port) as resolver:
            return await look_for_records(resolver, [record])

    try:
        return record_views([record], await visit.site.looks.take(visit.tenant, look)), ""
    except DnsError as error:
        return record_views([record]), error.message


async def _change(visit: ServiceVisit) -> Response:
    text = visit.form.required("note")
    visit.form.required("allowfrom")
    registrations = visit.registrations

    def change(known: RegistrationRow) -> RegistrationRow:
        require_seen(visit.form, _revision(known), known.note or "the registration")
        return replace(known, note=note, allowfrom=networks)

    def work(tx: Transaction, who: LicenceKey) -> None:
        subdomain = visit.registration(tx, who).registration.subdomain
        registrations.alter(tx, subdomain, change)

    try:
        note, networks = check_note(text), check_networks(visit.form.words("allowfrom"))
        await visit.write(work)
    except (InvalidInputError, RegistrationError, UnseenChangeError) as error:
        if isinstance(error, RegistrationError) and error.code != _NO_NETWORK:
            raise
        return await _page_of_one(visit, error)
    return _back(visit, "Saved.")


async def _disable(visit: ServiceVisit) -> Response:
    await _set_disabled(visit, True)
    return _back(visit, "Disabled: updates are refused, and no values are answered.")


async def _enable(visit: ServiceVisit) -> Response:
    await _set_disabled(visit, False)
    return _back(visit, "Enabled.")


async def _set_disabled(visit: ServiceVisit, disabled: bool) -> None:
    registrations = visit.registrations

    def work(tx: Transaction, who: LicenceKey) -> None:
        subdomain = visit.registration(tx, who).registration.subdomain
        registrations.set_disabled(tx, subdomain, disabled)

    await visit.write(work)


async def _ask_whether_to_rotate(visit: ServiceVisit) -> Response:
    row = await visit.read(lambda tx, who: visit.registration(tx, who).registration)
    return visit.page(
        "ask.html",
        heading=f"Give {row.note or visit.registrations.fulldomain(row.subdomain)} a new password?",
        text="Clients with the old one fail until they have the new one.",
        button="New password",
        back=f"{visit.root}/registrations/{row.subdomain}",
    )


async def _rotate(visit: ServiceVisit) -> Response:
    registrations = visit.registrations

    def work(tx: Transaction, who: LicenceKey) -> NewRegistration:
        return registrations.rotate(tx, visit.registration(tx, who).registration.subdomain)

    made = await visit.write(work)
    return _with_password(visit, made, "A new password; the old one no longer works")


async def _ask_whether_to_delete(visit: ServiceVisit) -> Response:
    row = await visit.read(lambda tx, who: visit.registration(tx, who).registration)
    fulldomain = visit.registrations.fulldomain(row.subdomain)
    return visit.page(
        "ask.html",
        heading=f"Delete {row.note or fulldomain}?",
        text=f"Certificates whose CNAME leads to {fulldomain} can no longer be renewed by way of"
        " it. The name is never given to anybody again.",
        button="Delete it for good",
        back=f"{visit.root}/registrations/{row.subdomain}",
    )


async def _delete(visit: ServiceVisit) -> Response:
    registrations = visit.registrations

    def work(tx: Transaction, who: LicenceKey) -> None:
        registrations.delete(tx, visit.registration(tx, who).registration.subdomain)

    await visit.write(work)
    return visit.go("/registrations" if visit.is_operator else "/", "The registration is deleted.")


async def _assign(visit: ServiceVisit) -> Response:
    tenant = visit.form.required("tenant") or None
    registrations = visit.registrations

    def work(tx: Transaction, who: LicenceKey) -> None:
        subdomain = visit.registration(tx, who).registration.subdomain
        registrations.alter(tx, subdomain, lambda known: replace(known, tenant=tenant))

    await visit.write(work)
    return _back(visit, f"It belongs to {tenant} now." if tenant else "It belongs to nobody now.")


def _back(visit: ServiceVisit, note: str) -> Response:
    return visit.go(f"/registrations/{visit.name}", note)


# --- a new one ---------------------------------------------------------------------------------


async def _ask_for_new(visit: ServiceVisit) -> Response:
    return visit.page("new_registration.html", domain="", allowfrom="", error="")


async def _create(visit: ServiceVisit) -> Response:
    domain, allowfrom = visit.form.text("domain"), visit.form.text("allowfrom")
    registrations = visit.registrations

    def work(tx: Transaction, who: LicenceKey) -> NewRegistration:
        networks = visit.form.words("allowfrom")
        return registrations.register(tx, allowfrom=networks, note=note, tenant=who.tenant)

    try:
        note = check_note(str(_domain(domain))) if domain else ""
        made = await visit.write(work)
    except (InvalidInputError, RegistrationError) as error:
        status, message = 400, error.message
        if isinstance(error, RegistrationError):
            if error.code not in (_NO_NETWORK, "quota_exceeded"):
                raise
            log_refused(visit.request, error.code, error.message)
            status, message = STATUS[error.code], for_people(error)
        context = {"domain": domain, "allowfrom": allowfrom, "error": message}
        return visit.page("new_registration.html", status, **context)
    return _with_password(visit, made, _CREATED)


def _with_password(visit: ServiceVisit, made: NewRegistration, heading: str) -> Response:
    path = f"/registrations/{made.subdomain}/credentials"
    return visit.show_once(path, heading=heading, password=made.password)


async def _credentials(visit: ServiceVisit) -> Response:
    registrations = visit.registrations

    def work(tx: Transaction, who: LicenceKey) -> tuple[RegistrationRow, list[RegistrationRow]]:
        row = visit.registration(tx, who).registration
        named = registrations.page(tx, tenant=row.tenant or "", text=row.note, limit=_PAGE)
        others = [one for one in named if (one.note, one.tenant) == (row.note, row.tenant)]
        return row, [one for one in others if one.subdomain != row.subdomain]

    row, others = await visit.read(work)
    once = shown_once(visit.request)
    if not once:
        return _back(visit, "A password is shown only once: 'New password' makes another.")
    fulldomain = registrations.fulldomain(row.subdomain)
    record, _ = _record_for(row.note, fulldomain, asked=False)
    domain = row.note if record else "example.com"
    account = ClientAccount(domain, row.username, once["password"], row.subdomain, fulldomain)
    return visit.page(
        "credentials.html",
        account=account,
        others=others if once["heading"] == _CREATED and row.note else (),
        records=record_views([record]) if record else [],
        setups=all_setups(visit.url, "KEY", account),
    )
