"""Our own REST API: registrations for a tenant's key, tenants and keys too for the operator's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from zoneproof.challengedns.api.licence import licence_key
from zoneproof.challengedns.api.messages import (
    AuditPage,
    AuditQuery,
    KeyPage,
    KeyRequest,
    MonthQuery,
    MonthUsage,
    NewTenant,
    PageQuery,
    RegistrationChange,
    RegistrationCredentials,
    RegistrationDetails,
    RegistrationPage,
    TenantChange,
    TenantPage,
    TenantPageQuery,
    credentials_of,
    details_of,
    facts_of,
)
from zoneproof.challengedns.api.responses import REST
from zoneproof.challengedns.store import usage
from zoneproof.challengedns.store.audit import (
    ServiceAuditEntry,
    entries,
    entries_for,
    holder_of,
)
from zoneproof.challengedns.store.authentication import Administered, administered
from zoneproof.challengedns.store.checks import check_networks, clean_note
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.challengedns.store.tenant_rows import LicenceKey, Tenant
from zoneproof.challengedns.store.tenants import (
    NewKey,
    authenticate_key,
    authenticate_operator,
    known_tenant,
    operator_key_needed,
)
from zoneproof.serving.middleware import sender
from zoneproof.serving.operations import Handler, Operation
from zoneproof.serving.requests import decode, read_body, read_query
from zoneproof.serving.responses import ErrorAnswer, json_answer
from zoneproof.storage import Transaction

T = TypeVar("T")
R = TypeVar("R")
Permitted = TypeVar("Permitted", LicenceKey, Administered)
Permit = Callable[[Transaction], T]
"""Returns what a request may do; raises RegistrationError where it may not."""

_KEY = (("bearer",), ("basic",))


class Rest:
    """The endpoints."""

    def __init__(self, database: Database, registrations: Registrations) -> None:
        self._database = database
        self._registrations = registrations
        self._tenants = registrations.tenants

    def operations(self) -> list[Operation]:
        """Return the table of what there is."""
        registrations, tenants, keys = f"{REST}registrations", f"{REST}tenants", f"{REST}keys"
        registration, tenant = f"{registrations}/{{subdomain}}", f"{tenants}/{{name}}"
        return [
            _operation(
                "GET",
                registrations,
                self.list_registrations,
                "List registrations",
                RegistrationPage,
                query=TenantPageQuery,
                errors=(404,),
            ),
            _operation(
                "GET",
                registration,
                self.get_registration,
                "Show a registration and its live values",
                RegistrationDetails,
            ),
            _operation(
                "PATCH",
                registration,
                self.change_registration,
                "Change note, allowfrom, disabled or, as the operator, tenant",
                RegistrationDetails,
                body=RegistrationChange,
            ),
            _operation(
                "POST",
                f"{registration}/rotate",
                self.rotate_registration,
                "Replace the password; the old one stops working",
                RegistrationCredentials,
            ),
            _operation(
                "DELETE",
                registration,
                self.delete_registration,
                "Delete a registration; its subdomain is never used again",
                None,
                status=204,
            ),
            _operation(
                "GET", tenants, self.list_tenants, "List tenants", TenantPage, query=PageQuery
            ),
            _operation(
                "POST",
                tenants,
                self.create_tenant,
                "Create a tenant",
                Tenant,
                status=201,
                body=NewTenant,
                errors=(409,),
            ),
            _operation("GET", tenant, self.get_tenant, "Show a tenant", Tenant),
            _operation(
                "PATCH",
                tenant,
                self.change_tenant,
                "Change quota, expires_at or disabled",
                Tenant,
                body=TenantChange,
            ),
            _operation(
                "DELETE",
                tenant,
                self.delete_tenant,
                "Delete a tenant that has no registrations, and its keys",
                None,
                status=204,
                errors=(409,),
            ),
            _operation(
                "GET",
                keys,
                self.list_keys,
                "List keys",
                KeyPage,
                query=TenantPageQuery,
                errors=(404,),
            ),
            _operation(
                "POST",
                keys,
                self.create_key,
                "Create a licence key; it is shown only once",
                NewKey,
                status=201,
                body=KeyRequest,
                errors=(404,),
            ),
            _operation(
                "DELETE", f"{keys}/{{id}}", self.revoke_key, "Revoke a key", None, status=204
            ),
            _operation(
                "GET",
                f"{REST}usage",
                self.get_usage,
                "Show what tenants used in a month",
                MonthUsage,
                query=MonthQuery,
            ),
            _operation(
                "GET",
                f"{REST}audit",
                self.list_audit,
                "List who did what, the newest first",
                AuditPage,
                query=AuditQuery,
            ),
        ]

    # --- registrations ---------------------------------------------------------------------

    async def list_registrations(self, request: Request) -> Response:
        """List those of the key's tenant, or all."""
        permit = await self._holder(request)
        query = read_query(request, TenantPageQuery)

        def work(tx: Transaction, who: LicenceKey) -> list[RegistrationRow]:
            if who.tenant is not None and query.tenant not in {"", who.tenant}:
                raise operator_key_needed()
            tenant = who.tenant or query.tenant
            if tenant:
                known_tenant(tx, tenant)
            limit = query.limit + 1
            return self._registrations.page(tx, tenant=tenant, after=query.after, limit=limit)

        found = await self._read(permit, work)
        page, following = _page(found, query.limit, lambda one: one.subdomain)
        facts = tuple(facts_of(self._registrations, one) for one in page)
        return json_answer(200, RegistrationPage(facts, following))

    async def get_registration(self, request: Request) -> Response:
        """Show one."""
        permit = await self._administrator(request)
        details = await self._read(
            permit, lambda tx, of: details_of(self._registrations, tx, of.registration)
        )
        return json_answer(200, details)

    async def change_registration(self, request: Request) -> Response:
        """Change one, all at once or nothing."""
        permit = await self._administrator(request)
        change = decode(await read_body(request), RegistrationChange)
        changes = _set(change)
        if isinstance(change.note, str):
            changes["note"] = clean_note(change.note)

        def work(
            tx: Transaction, of: Administered, registrations: Registrations
        ) -> RegistrationDetails:
            if "tenant" in changes and of.key.tenant is not None:
                raise operator_key_needed()
            if not isinstance(change.allowfrom, UnsetType):
                changes["allowfrom"] = check_networks(change.allowfrom)
            altered = registrations.alter(
                tx, of.registration.subdomain, lambda known: replace(known, **changes)
            )
            return details_of(self._registrations, tx, altered)

        return json_answer(200, await self._write(request, permit, work))

    async def rotate_registration(self, request: Request) -> Response:
        """Make a new password."""
        permit = await self._administrator(request)
        rotated = await self._write(
            request, permit, lambda tx, of, them: them.rotate(tx, of.registration.subdomain)
        )
        return json_answer(200, credentials_of(rotated))

    async def delete_registration(self, request: Request) -> Response:
        """Delete one."""
        permit = await self._administrator(request)
        await self._write(
            request, permit, lambda tx, of, them: them.delete(tx, of.registration.subdomain)
        )
        return Response(status_code=204)

    # --- tenants ---------------------------------------------------------------------------

    async def list_tenants(self, request: Request) -> Response:
        """List all."""
        permit = await self._operator(request)
        query = read_query(request, PageQuery)
        found = await self._read(
            permit, lambda tx, _: self._tenants.page(tx, after=query.after, limit=query.limit + 1)
        )
        return json_answer(200, TenantPage(*_page(found, query.limit, lambda one: one.name)))

    async def create_tenant(self, request: Request) -> Response:
        """Make one."""
        permit = await self._operator(request)
        new = decode(await read_body(request), NewTenant)
        made = await self._write(
            request,
            permit,
            lambda tx, _, them: them.tenants.create(
                tx, new.name, quota=new.quota, expires_at=new.expires_at
            ),
        )
        return json_answer(201, made, {"Location": f"{REST}tenants/{made.name}"})

    async def get_tenant(self, request: Request) -> Response:
        """Show one."""
        permit = await self._operator(request)
        name = request.path_params["name"]
        return json_answer(200, await self._read(permit, lambda tx, _: known_tenant(tx, name)))

    async def change_tenant(self, request: Request) -> Response:
        """Change one, all at once or nothing."""
        permit = await self._operator(request)
        changes = _set(decode(await read_body(request), TenantChange))
        name = request.path_params["name"]
        altered = await self._write(
            request,
            permit,
            lambda tx, _, them: them.tenants.alter(
                tx, name, lambda known: replace(known, **changes)
            ),
        )
        return json_answer(200, altered)

    async def delete_tenant(self, request: Request) -> Response:
        """Delete one."""
        permit = await self._operator(request)
        name = request.path_params["name"]
        await self._write(request, permit, lambda tx, _, them: them.tenants.delete(tx, name))
        return Response(status_code=204)

    # --- keys ------------------------------------------------------------------------------

    async def list_keys(self, request: Request) -> Response:
        """List all, or a tenant's."""
        permit = await self._operator(request)
        query = read_query(request, TenantPageQuery)
        found = await self._read(
            permit,
            lambda tx, _: self._tenants.keys(
                tx, tenant=query.tenant, after=query.after, limit=query.limit + 1
            ),
        )
        return json_answer(200, KeyPage(*_page(found, query.limit, lambda one: one.id)))

    async def create_key(self, request: Request) -> Response:
        """Create a tenant's."""
        permit = await self._operator(request)
        new = decode(await read_body(request), KeyRequest)
        made = await self._write(
            request,
            permit,
            lambda tx, _, them: them.tenants.create_key(tx, new.tenant, note=new.note),
        )
        return json_answer(201, made)

    async def revoke_key(self, request: Request) -> Response:
        """Revoke one."""
        permit = await self._operator(request)
        key_id = request.path_params["id"]
        await self._write(
            request,
            permit,
            lambda tx, _, them: them.tenants.revoke_key(tx, key_id, operators=False),
        )
        return Response(status_code=204)

    # --- usage -----------------------------------------------------------------------------

    async def get_usage(self, request: Request) -> Response:
        """Show a month's."""
        permit = await self._operator(request)
        query = read_query(request, MonthQuery)
        month = query.month or usage.month_of(self._registrations.now())
        found = await self._read(permit, lambda tx, _: usage.of_month(tx, month))
        return json_answer(200, MonthUsage(month, tuple(found)))

    # --- audit log -------------------------------------------------------------------------

    async def list_audit(self, request: Request) -> Response:
        """List what was done, or what concerns the key's tenant of it."""
        permit = await self._holder(request)
        query = read_query(request, AuditQuery)
        before = int(query.after) if query.after else None

        def work(tx: Transaction, who: LicenceKey) -> list[ServiceAuditEntry]:
            limit = query.limit + 1
            if who.tenant is None:
                return entries(tx, text=query.text, tenant=query.tenant, before=before, limit=limit)
            if query.tenant not in {"", who.tenant}:
                raise operator_key_needed()
            since = known_tenant(tx, who.tenant).created_at
            return entries_for(tx, who.tenant, since, text=query.text, before=before, limit=limit)

        found = await self._read(permit, work)
        return json_answer(200, AuditPage(*_page(found, query.limit, lambda one: str(one.number))))

    # --- permits ---------------------------------------------------------------------------
    # Each is looked at when the request comes, before its body is read, and once more in the
    # transaction in which the work is done: what is no longer allowed by then is not done.

    async def _holder(self, request: Request) -> Permit[LicenceKey]:
        """Return what permits what is its own as long as the request's key works."""
        key = licence_key(request)
        return await self._checked(lambda tx: authenticate_key(tx, key, self._registrations.now()))

    async def _operator(self, request: Request) -> Permit[LicenceKey]:
        """Return what permits all as long as the request's key is the operator's."""
        key = licence_key(request)
        return await self._checked(
            lambda tx: authenticate_operator(tx, key, self._registrations.now())
        )

    async def _administrator(self, request: Request) -> Permit[Administered]:
        """Return what permits all as long as key and registration of the request fit."""
        key, subdomain = licence_key(request), request.path_params["subdomain"]
        return await self._checked(
            lambda tx: administered(tx, key, subdomain, self._registrations.now())
        )

    async def _checked(self, permit: Permit[T]) -> Permit[T]:
        await self._database.read(permit)
        return permit

    async def _read(self, permit: Permit[T], work: Callable[[Transaction, T], R]) -> R:
        return await self._database.read(lambda tx: work(tx, permit(tx)))

    async def _write(
        self,
        request: Request,
        permit: Permit[Permitted],
        work: Callable[[Transaction, Permitted, Registrations], R],
    ) -> R:
        """Do what changes something, by way of the registrations as the key changes them."""

        def permitted(tx: Transaction) -> R:
            found = permit(tx)
            key = found.key if isinstance(found, Administered) else found
            actor = holder_of(key, str(sender(request)))
            return work(tx, found, self._registrations.by(actor))

        return await self._database.write(permitted)


def _operation(
    method: str, path: str, handler: Handler, summary: str, answer: Any, **rest: Any
) -> Operation:
    return Operation(
        method, path, handler, summary, answer, error=ErrorAnswer, security=_KEY, **rest
    )


def _set(change: msgspec.Struct) -> dict[str, Any]:
    values = msgspec.structs.asdict(change)
    return {field: value for field, value in values.items() if value is not UNSET}


def _page(
    found: Sequence[T], limit: int, identify: Callable[[T], str]
) -> tuple[tuple[T, ...], str | None]:
    page = tuple(found[:limit])
    return page, identify(page[-1]) if len(found) > limit else None
