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
    KeyPage,
    KeyRequest,
    NewTenant,
    PageQuery,
    RegistrationChange,
    RegistrationCredentials,
    RegistrationDetails,
    RegistrationPage,
    TenantChange,
    TenantPage,
    TenantPageQuery,
    details_of,
    facts_of,
)
from zoneproof.challengedns.api.responses import REST
from zoneproof.challengedns.store.authentication import administered
from zoneproof.challengedns.store.checks import check_networks, clean_note
from zoneproof.challengedns.store.keys import hash_key, new_key
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.challengedns.store.tenant_rows import LicenceKey, Tenant
from zoneproof.challengedns.store.tenants import (
    NewKey,
    Tenants,
    authenticate_key,
    authenticate_operator,
    operator_key_needed,
)
from zoneproof.serving.operations import Handler, Operation
from zoneproof.serving.requests import decode, read_body, read_query
from zoneproof.serving.responses import ErrorBody, json_answer

T = TypeVar("T")

_KEY = (("bearer",), ("basic",))


class Rest:
    """The endpoints."""

    def __init__(self, registrations: Registrations) -> None:
        self._registrations = registrations

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
                "Change note, allowfrom, whether it is disabled, or, for the operator, the tenant",
                RegistrationDetails,
                body=RegistrationChange,
            ),
            _operation(
                "POST",
                f"{registration}/rotate",
                self.rotate_registration,
                "Make a new password; the old one no longer works",
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
                "Make a tenant",
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
                "Change quota, expires_at, or whether it is disabled",
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
                "Make a licence key, which is shown only now",
                NewKey,
                status=201,
                body=KeyRequest,
                errors=(404,),
            ),
            _operation(
                "DELETE", f"{keys}/{{id}}", self.revoke_key, "Revoke a key", None, status=204
            ),
        ]

    # --- registrations ---------------------------------------------------------------------

    async def list_registrations(self, request: Request) -> Response:
        """List those of the key's tenant, or all."""
        key = licence_key(request)
        who, registrations = await self._registrations.permitted(
            lambda tx, now: authenticate_key(tx, key, now)
        )
        query = read_query(request, TenantPageQuery)
        if who.tenant is not None and query.tenant not in {"", who.tenant}:
            raise operator_key_needed()
        tenant = who.tenant or query.tenant
        if tenant:
            await registrations.tenants.get(tenant)
        found = await registrations.page(tenant=tenant, after=query.after, limit=query.limit + 1)
        page, following = _page(found, query.limit, lambda one: one.subdomain)
        facts = tuple(facts_of(registrations, one) for one in page)
        return json_answer(200, RegistrationPage(facts, following))

    async def get_registration(self, request: Request) -> Response:
        """Show one."""
        _, found, registrations = await self._administered(request)
        return json_answer(200, await details_of(registrations, found))

    async def change_registration(self, request: Request) -> Response:
        """Change one, all at once or nothing."""
        who, found, registrations = await self._administered(request)
        change = decode(await read_body(request), RegistrationChange)
        changes = _set(change)
        if "tenant" in changes and who.tenant is not None:
            raise operator_key_needed()
        if isinstance(change.note, str):
            changes["note"] = clean_note(change.note)
        if not isinstance(change.allowfrom, UnsetType):
            changes["allowfrom"] = check_networks(change.allowfrom)
        altered = await registrations.alter(
            found.subdomain, lambda known: replace(known, **changes)
        )
        return json_answer(200, await details_of(registrations, altered))

    async def rotate_registration(self, request: Request) -> Response:
        """Make a new password."""
        _, found, registrations = await self._administered(request)
        subdomain, key = found.subdomain, new_key()
        altered = await registrations.alter(
            subdomain, lambda known: replace(known, key_hash=hash_key(key))
        )
        fulldomain = registrations.fulldomain(subdomain)
        return json_answer(
            200,
            RegistrationCredentials(
                altered.username, key, fulldomain, subdomain, altered.allowfrom
            ),
        )

    async def delete_registration(self, request: Request) -> Response:
        """Delete one."""
        _, found, registrations = await self._administered(request)
        await registrations.delete(found.subdomain)
        return Response(status_code=204)

    # --- tenants ---------------------------------------------------------------------------

    async def list_tenants(self, request: Request) -> Response:
        """List all."""
        tenants = await self._operated(request)
        query = read_query(request, PageQuery)
        found = await tenants.page(after=query.after, limit=query.limit + 1)
        return json_answer(200, TenantPage(*_page(found, query.limit, lambda one: one.name)))

    async def create_tenant(self, request: Request) -> Response:
        """Make one."""
        tenants = await self._operated(request)
        new = decode(await read_body(request), NewTenant)
        made = await tenants.create(new.name, quota=new.quota, expires_at=new.expires_at)
        return json_answer(201, made, {"Location": f"{REST}tenants/{made.name}"})

    async def get_tenant(self, request: Request) -> Response:
        """Show one."""
        tenants = await self._operated(request)
        return json_answer(200, await tenants.get(request.path_params["name"]))

    async def change_tenant(self, request: Request) -> Response:
        """Change one, all at once or nothing."""
        tenants = await self._operated(request)
        changes = _set(decode(await read_body(request), TenantChange))
        name = request.path_params["name"]
        return json_answer(200, await tenants.alter(name, lambda known: replace(known, **changes)))

    async def delete_tenant(self, request: Request) -> Response:
        """Delete one."""
        tenants = await self._operated(request)
        await tenants.delete(request.path_params["name"])
        return Response(status_code=204)

    # --- keys ------------------------------------------------------------------------------

    async def list_keys(self, request: Request) -> Response:
        """List all, or a tenant's."""
        tenants = await self._operated(request)
        query = read_query(request, TenantPageQuery)
        found = await tenants.keys(tenant=query.tenant, after=query.after, limit=query.limit + 1)
        return json_answer(200, KeyPage(*_page(found, query.limit, lambda one: one.id)))

    async def create_key(self, request: Request) -> Response:
        """Make a tenant's."""
        tenants = await self._operated(request)
        new = decode(await read_body(request), KeyRequest)
        return json_answer(201, await tenants.create_key(new.tenant, note=new.note))

    async def revoke_key(self, request: Request) -> Response:
        """Revoke one."""
        tenants = await self._operated(request)
        await tenants.revoke_key(request.path_params["id"], operators=False)
        return Response(status_code=204)

    # --- within ----------------------------------------------------------------------------

    async def _operated(self, request: Request) -> Tenants:
        """Return the tenants and keys as long as the request's key is the operator's."""
        key = licence_key(request)
        _, registrations = await self._registrations.permitted(
            lambda tx, now: authenticate_operator(tx, key, now)
        )
        return registrations.tenants

    async def _administered(
        self, request: Request
    ) -> tuple[LicenceKey, RegistrationRow, Registrations]:
        """Return key and registration of the request, and all as long as the two fit."""
        key, subdomain = licence_key(request), request.path_params["subdomain"]
        (who, found), registrations = await self._registrations.permitted(
            lambda tx, now: administered(tx, key, subdomain, now)
        )
        return who, found, registrations


def _operation(
    method: str, path: str, handler: Handler, summary: str, answer: Any, **rest: Any
) -> Operation:
    return Operation(method, path, handler, summary, answer, error=ErrorBody, security=_KEY, **rest)


def _set(change: msgspec.Struct) -> dict[str, Any]:
    values = msgspec.structs.asdict(change)
    return {field: value for field, value in values.items() if value is not UNSET}


def _page(
    found: Sequence[T], limit: int, identify: Callable[[T], str]
) -> tuple[tuple[T, ...], str | None]:
    page = tuple(found[:limit])
    return page, identify(page[-1]) if len(found) > limit else None
