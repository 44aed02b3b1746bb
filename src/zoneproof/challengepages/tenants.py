"""The operator's tenants: created, changed, given keys, disabled, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from starlette.responses import Response

from zoneproof.challengedns.api.pages import ADMIN
from zoneproof.challengedns.store import usage
from zoneproof.challengedns.store.checks import after_day
from zoneproof.challengedns.store.tenant_rows import LicenceKey, Tenant
from zoneproof.challengedns.store.tenants import (
    DEFAULT_QUOTA,
    MAX_QUOTA,
    known_key,
    known_tenant,
)
from zoneproof.challengedns.store.usage import MonthOfTenant
from zoneproof.challengepages.visits import ServicePage, ServiceVisit
from zoneproof.core.errors import InvalidInputError, RegistrationError, ZoneproofError
from zoneproof.pages.forms import Form
from zoneproof.pages.seen import UnseenChangeError, require_seen, seen_with
from zoneproof.storage import Transaction

_PAGE = 100
_KEYS = 200
_IN_USE = "tenant_in_use"


def pages() -> list[ServicePage]:
    """Return the pages."""
    one = "/tenants/{name}"
    return [
        ServicePage("GET", ADMIN, "/", _list),
        ServicePage("GET", ADMIN, "/new", _ask_for_new),
        ServicePage("POST", ADMIN, "/new", _create),
        ServicePage("GET", ADMIN, one, _show),
        ServicePage("POST", ADMIN, one, _change),
        ServicePage("POST", ADMIN, f"{one}/disable", _disable),
        ServicePage("POST", ADMIN, f"{one}/enable", _enable),
        ServicePage("POST", ADMIN, f"{one}/keys", _create_key),
        ServicePage("GET", ADMIN, f"{one}/revoke", _ask_whether_to_revoke),
        ServicePage("POST", ADMIN, f"{one}/revoke", _revoke_key),
        ServicePage("GET", ADMIN, f"{one}/delete", _ask_whether_to_delete),
        ServicePage("POST", ADMIN, f"{one}/delete", _delete),
    ]


async def _list(visit: ServiceVisit) -> Response:
    text, after = visit.query.text("q"), visit.query.text("after")
    tenants = visit.registrations.tenants
    found = await visit.read(
        lambda tx, _: tenants.page(tx, after=after, limit=_PAGE + 1, text=text)
    )
    shown = found[:_PAGE]
    following = shown[-1].name if len(found) > _PAGE else ""
    return visit.page("tenants.html", tenants=shown, text=text, following=following, now=visit.now)


async def _show(visit: ServiceVisit) -> Response:
    return await _page_of_one(visit)


async def _page_of_one(
    visit: ServiceVisit, error: ZoneproofError | None = None, typed: Form | None = None
) -> Response:
    tenants = visit.registrations.tenants

    def work(
        tx: Transaction, _: LicenceKey
    ) -> tuple[Tenant, Sequence[LicenceKey], Sequence[MonthOfTenant]]:
        tenant = known_tenant(tx, visit.name)
        keys = tenants.keys(tx, tenant=tenant.name, limit=_KEYS)
        return tenant, keys, usage.of_tenant(tx, tenant.name)

    tenant, keys, months = await visit.read(work)
    return visit.page(
        "tenant.html",
        _status(error) if error else 200,
        tenant=tenant,
        keys=keys,
        months=months,
        typed=typed,
        seen=seen_with(visit.form, error, _revision(tenant)),
        error=error.message if error else "",
        now=visit.now,
    )


def _status(error: ZoneproofError) -> int:
    return 409 if isinstance(error, UnseenChangeError) or _code(error) == _IN_USE else 400


def _code(error: ZoneproofError) -> str:
    return error.code if isinstance(error, RegistrationError) else ""


async def _ask_for_new(visit: ServiceVisit) -> Response:
    return visit.page("new_tenant.html", name="", quota=DEFAULT_QUOTA, expires="", error="")


async def _create(visit: ServiceVisit) -> Response:
    name, quota, expires = (visit.form.text(field) for field in ("name", "quota", "expires"))
    tenants = visit.registrations.tenants

    def work(tx: Transaction, _: LicenceKey) -> None:
        tenants.create(tx, name, quota=_number(quota), expires_at=_expiry(expires))

    try:
        await visit.write(work)
    except (InvalidInputError, RegistrationError) as error:
        if isinstance(error, RegistrationError) and error.code == "operator_key_needed":
            raise
        context = {"name": name, "quota": quota, "expires": expires, "error": error.message}
        return visit.page("new_tenant.html", 400, **context)
    return visit.go(
        f"/tenants/{name}",
        f"The tenant is created. It needs a licence key to register.{_if_over(visit, expires)}",
    )


async def _change(visit: ServiceVisit) -> Response:
    quota, expires = visit.form.text("quota"), visit.form.required("expires")
    tenants = visit.registrations.tenants

    def change(known: Tenant) -> Tenant:
        require_seen(visit.form, _revision(known), known.name)
        return replace(known, quota=wanted, expires_at=ends)

    try:
        wanted, ends = _number(quota), _expiry(expires)
        await visit.write(lambda tx, _: tenants.alter(tx, visit.name, change))
    except (InvalidInputError, UnseenChangeError) as error:
        return await _page_of_one(visit, error, visit.form)
    return visit.go(
        f"/tenants/{visit.name}", f"Saved.{_if_over(visit, visit.form.text('expires'))}"
    )


def _if_over(visit: ServiceVisit, expires: str) -> str:
    ends = _expiry(expires)
    if ends is None or ends > visit.now:
        return ""
    return " Its last day is over, so it may neither register nor update: set another."


def _revision(tenant: Tenant) -> str:
    """Return a text that every change of what the form shows makes another one."""
    return f"{tenant.quota} {tenant.expires_at}"


async def _disable(visit: ServiceVisit) -> Response:
    await _alter(visit, disabled=True)
    return visit.go(f"/tenants/{visit.name}", "Disabled: it can neither register nor update.")


async def _enable(visit: ServiceVisit) -> Response:
    await _alter(visit, disabled=False)
    return visit.go(f"/tenants/{visit.name}", "Enabled.")


async def _alter(visit: ServiceVisit, **changes: int | bool | None) -> None:
    tenants = visit.registrations.tenants
    await visit.write(
        lambda tx, _: tenants.alter(tx, visit.name, lambda known: replace(known, **changes))  # type: ignore[arg-type]
    )


async def _create_key(visit: ServiceVisit) -> Response:
    tenants, note = visit.registrations.tenants, visit.form.text("note")
    made = await visit.write(lambda tx, _: tenants.create_key(tx, visit.name, note=note))
    return visit.show_once(f"/tenants/{visit.name}", key=made.key)


async def _ask_whether_to_revoke(visit: ServiceVisit) -> Response:
    key = await visit.read(lambda tx, _: known_key(tx, visit.query.text("id")))
    return visit.page(
        "ask.html",
        heading=f"Revoke the key zp_{key.id}_… for good?",
        text="Clients that register with it are refused from then on, and whoever signed in with it"
        " is signed out. What was registered stays.",
        button="Revoke",
        back=f"/admin/tenants/{visit.name}",
        fields={"id": key.id},
    )


async def _revoke_key(visit: ServiceVisit) -> Response:
    tenants, key_id = visit.registrations.tenants, visit.form.text("id")
    await visit.write(lambda tx, _: tenants.revoke_key(tx, key_id, operators=False))
    return visit.go(f"/tenants/{visit.name}", f"The key {key_id} no longer works.")


async def _ask_whether_to_delete(visit: ServiceVisit) -> Response:
    tenant = await visit.read(lambda tx, _: known_tenant(tx, visit.name))
    return visit.page(
        "ask.html",
        heading=f"Delete the tenant {tenant.name} and its keys?",
        text="Only one without registrations can be deleted.",
        button="Delete",
        back=f"/admin/tenants/{tenant.name}",
    )


async def _delete(visit: ServiceVisit) -> Response:
    tenants = visit.registrations.tenants
    try:
        await visit.write(lambda tx, _: tenants.delete(tx, visit.name))
    except RegistrationError as error:
        if error.code != _IN_USE:
            raise
        return await _page_of_one(visit, error)
    return visit.go("/", f"The tenant {visit.name} is deleted.")


def _number(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    if not is_number or int(text) > MAX_QUOTA:
        raise InvalidInputError(f"a quota must be a whole number from 0 to {MAX_QUOTA:,}")
    return int(text)


def _expiry(text: str) -> int | None:
    return after_day(text) if text else None
