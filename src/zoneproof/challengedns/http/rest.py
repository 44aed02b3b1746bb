"""Our own REST API: registrations for a tenant's key, tenants and keys too for the operator's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from zoneproof.challengedns.http.callers import Callers
from zoneproof.challengedns.http.licence import licence_key
from zoneproof.challengedns.http.messages import (
    Credentials,
    Error,
    KeyPage,
    KeyRequest,
    NewTenant,
    PageQuery,
    RegistrationChange,
    RegistrationDetails,
    RegistrationPage,
    TenantChange,
    TenantPage,
    TenantPageQuery,
    details_of,
    facts_of,
)
from zoneproof.challengedns.http.operations import Handler, Operation
from zoneproof.challengedns.http.requests import decode, read_body
from zoneproof.challengedns.http.responses import REST, json_answer
from zoneproof.challengedns.registry.checks import check_networks
from zoneproof.challengedns.registry.keys import hash_key, new_key
from zoneproof.challengedns.registry.notes import clean_note
from zoneproof.challengedns.registry.registrations import Registrations
from zoneproof.challengedns.registry.rows import Registration
from zoneproof.challengedns.registry.tenant_rows import Key, Tenant
from zoneproof.challengedns.registry.tenants import NewKey
from zoneproof.errors import InvalidInputError, RegistrationError

T = TypeVar("T")
Q = TypeVar("Q", bound=PageQuery)

_KEY = (("bearer",), ("basic",))


class Rest:
    """The endpoints."""

    def __init__(self, registrations: Registrations, callers: Callers) -> None:
        self._registrations = registrations
        self._tenants = registrations.tenants
        self._callers = callers

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
                Credentials,
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
        who = await self._caller(request)
        query = _query(request, TenantPageQuery)
        if who.tenant is not None and query.tenant not in {"", who.tenant}:
            raise _operator_key_needed()
        tenant = who.tenant or query.tenant
        if tenant:
            await self._tenants.get(tenant)
        found = await self._registrations.page(
            tenant=tenant, after=query.after, limit=query.limit + 1
        )
        page, following = _page(found, query.limit, lambda one: one.subdomain)
        facts = tuple(facts_of(self._registrations, one) for one in page)
        return json_answer(200, RegistrationPage(facts, following))

    async def get_registration(self, request: Request) -> Response:
        """Show one."""
        return await self._details(await self._own(request))

    async def change_registration(self, request: Request) -> Response:
        """Change one, all at once or nothing."""
        who, found = await self._caller_and_own(request)
        subdomain = found.subdomain
        change = decode(await read_body(request), RegistrationChange)
        changes = _set(change)
        if "tenant" in changes and who.tenant is not None:
            raise _operator_key_needed()
        if isinstance(change.note, str):
            changes["note"] = clean_note(change.note)
        if not isinstance(change.allowfrom, UnsetType):
            changes["allowfrom"] = check_networks(change.allowfrom)
        altered = await self._registrations.alter(
            subdomain, lambda known: replace(known, **changes)
        )
        return await self._details(altered)

    async def rotate_registration(self, request: Request) -> Response:
        """Make a new password."""
        subdomain = (await self._own(request)).subdomain
        key = new_key()
        altered = await self._registrations.alter(
            subdomain, lambda known: replace(known, key_hash=hash_key(key))
        )
        fulldomain = self._registrations.fulldomain(subdomain)
        return json_answer(
            200, Credentials(altered.username, key, fulldomain, subdomain, altered.allowfrom)
        )

    async def delete_registration(self, request: Request) -> Response:
        """Delete one."""
        await self._registrations.delete((await self._own(request)).subdomain)
        return Response(status_code=204)

    # --- tenants ---------------------------------------------------------------------------

    async def list_tenants(self, request: Request) -> Response:
        """List all."""
        await self._operator(request)
        query = _query(request, PageQuery)
        found = await self._tenants.page(after=query.after, limit=query.limit + 1)
        return json_answer(200, TenantPage(*_page(found, query.limit, lambda one: one.name)))

    async def create_tenant(self, request: Request) -> Response:
        """Make one."""
        await self._operator(request)
        new = decode(await read_body(request), NewTenant)
        made = await self._tenants.create(new.name, quota=new.quota, expires_at=new.expires_at)
        return json_answer(201, made, {"Location": f"{REST}tenants/{made.name}"})

    async def get_tenant(self, request: Request) -> Response:
        """Show one."""
        await self._operator(request)
        return json_answer(200, await self._tenants.get(request.path_params["name"]))

    async def change_tenant(self, request: Request) -> Response:
        """Change one, all at once or nothing."""
        await self._operator(request)
        changes = _set(decode(await read_body(request), TenantChange))
        name = request.path_params["name"]
        return json_answer(
            200, await self._tenants.alter(name, lambda known: replace(known, **changes))
        )

    async def delete_tenant(self, request: Request) -> Response:
        """Delete one."""
        await self._operator(request)
        await self._tenants.delete(request.path_params["name"])
        return Response(status_code=204)

    # --- keys ------------------------------------------------------------------------------

    async def list_keys(self, request: Request) -> Response:
        """List all, or a tenant's."""
        await self._operator(request)
        query = _query(request, TenantPageQuery)
        found = await self._tenants.keys(
            tenant=query.tenant, after=query.after, limit=query.limit + 1
        )
        return json_answer(200, KeyPage(*_page(found, query.limit, lambda one: one.id)))

    async def create_key(self, request: Request) -> Response:
        """Make a tenant's."""
        await self._operator(request)
        new = decode(await read_body(request), KeyRequest)
        return json_answer(201, await self._tenants.create_key(new.tenant, note=new.note))

    async def revoke_key(self, request: Request) -> Response:
        """Revoke one."""
        await self._operator(request)
        await self._tenants.revoke_key(request.path_params["id"], operators=False)
        return Response(status_code=204)

    # --- within ----------------------------------------------------------------------------

    async def _caller(self, request: Request) -> Key:
        self._callers.address(request)
        return await self._tenants.authenticate(licence_key(request))

    async def _operator(self, request: Request) -> None:
        if (await self._caller(request)).tenant is not None:
            raise _operator_key_needed()

    async def _own(self, request: Request) -> Registration:
        return (await self._caller_and_own(request))[1]

    async def _caller_and_own(self, request: Request) -> tuple[Key, Registration]:
        who = await self._caller(request)
        try:
            found = await self._registrations.get(request.path_params["subdomain"])
        except InvalidInputError:
            found = None
        # Another tenant's is to the caller as one that there is not.
        if found is None or who.tenant not in {None, found.tenant}:
            raise RegistrationError("there is no such registration", code="not_found")
        return who, found

    async def _details(self, found: Registration) -> Response:
        return json_answer(200, await details_of(self._registrations, found))


def _operation(
    method: str, path: str, handler: Handler, summary: str, answer: Any, **rest: Any
) -> Operation:
    return Operation(method, path, handler, summary, answer, error=Error, security=_KEY, **rest)


def _operator_key_needed() -> RegistrationError:
    return RegistrationError("this needs the operator's key", code="operator_key_needed")


def _query(request: Request, into: type[Q]) -> Q:
    try:
        return msgspec.convert(dict(request.query_params), into, strict=False)
    except msgspec.ValidationError as error:
        raise RegistrationError(
            f"the query of the URL cannot be used: {error}", code="invalid_query"
        ) from error


def _set(change: msgspec.Struct) -> dict[str, Any]:
    values = msgspec.structs.asdict(change)
    return {field: value for field, value in values.items() if value is not UNSET}


def _page(
    found: Sequence[T], limit: int, identify: Callable[[T], str]
) -> tuple[tuple[T, ...], str | None]:
    page = tuple(found[:limit])
    return page, identify(page[-1]) if len(found) > limit else None
