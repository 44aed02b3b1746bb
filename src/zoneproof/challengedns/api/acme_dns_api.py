"""The endpoints that acme-dns has: register, update, health."""

from __future__ import annotations

import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from zoneproof.challengedns.api.licence import licence_key, path_key
from zoneproof.challengedns.api.messages import (
    ErrorWord,
    RegisterRequest,
    RegistrationCredentials,
    Updated,
    UpdateRequest,
)
from zoneproof.challengedns.api.operations import Operation
from zoneproof.challengedns.api.rate_limits import RateLimits
from zoneproof.challengedns.api.requests import read_body, read_fields, text_field, texts_field
from zoneproof.challengedns.api.responses import error_answer, json_answer
from zoneproof.challengedns.store.authentication import Caller
from zoneproof.challengedns.store.keys import licence_key_id
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.tenants import authenticate_tenant
from zoneproof.core.errors import RegistrationError, StorageError

_log = logging.getLogger(__name__)


class AcmeDnsApi:
    """The endpoints."""

    def __init__(
        self, registrations: Registrations, callers: RateLimits, *, open_registration: bool
    ) -> None:
        self._registrations = registrations
        self._callers = callers
        self._open_registration = open_registration

    def operations(self) -> list[Operation]:
        """Return the table of what there is."""
        key = (("bearer",), ("basic",))
        account = (("user", "password"),)
        return [
            Operation(
                "POST",
                "/register",
                self.register,
                "Make a registration; the key may also stand in the path, /k/<key>/register",
                RegistrationCredentials,
                status=201,
                body=RegisterRequest | None,
                body_required=False,
                error=ErrorWord,
                security=(*key, ()) if self._open_registration else key,
            ),
            Operation(
                "POST",
                "/update",
                self.update,
                "Publish a value",
                Updated,
                body=UpdateRequest,
                error=ErrorWord,
                security=account,
            ),
            Operation(
                "DELETE",
                "/update",
                self.withdraw,
                "Withdraw a value",
                Updated,
                body=UpdateRequest,
                error=ErrorWord,
                security=account,
            ),
            Operation(
                "GET",
                "/health",
                self.health,
                "Tell whether the service can do its work",
                None,
                error=ErrorWord,
                errors=(503,),
            ),
        ]

    async def register(self, request: Request) -> Response:
        """Make a registration."""
        tenant, registrations = await self._permitted(licence_key(request))
        body = await read_body(request)
        fields = read_fields(body) if body else {}
        new = await registrations.register(
            allowfrom=texts_field(fields, "allowfrom"), note=_note(fields), tenant=tenant
        )
        request.state.registration = new.subdomain
        return json_answer(
            201,
            RegistrationCredentials(
                new.username, new.password, new.fulldomain, new.subdomain, new.allowfrom
            ),
        )

    async def update(self, request: Request) -> Response:
        """Publish a value."""
        registrations, caller, subdomain, txt = await self._read_update(request)
        await registrations.update(caller, subdomain, txt)
        request.state.registration = subdomain
        return json_answer(200, Updated(txt))

    async def withdraw(self, request: Request) -> Response:
        """Withdraw a value."""
        registrations, caller, subdomain, txt = await self._read_update(request)
        await registrations.remove(caller, subdomain, txt)
        request.state.registration = subdomain
        return json_answer(200, Updated(txt))

    async def health(self, request: Request) -> Response:
        """Tell whether the service can do its work."""
        try:
            await self._registrations.check()
        except StorageError as error:
            _log.error("%s", error.message)
            return error_answer(request, 503, "storage_unavailable")
        return Response()

    async def _permitted(self, key: str) -> tuple[str | None, Registrations]:
        """Return for whom a key registers, and the registrations as long as it does.

        Without a key it is for no tenant, if that is allowed.
        """
        # What has not the form of a licence key may be a password for a proxy in front.
        if self._open_registration and licence_key_id(key) is None:
            return None, self._registrations
        return await self._registrations.permitted(
            lambda tx, now: authenticate_tenant(tx, key, now)
        )

    async def _read_update(self, request: Request) -> tuple[Registrations, Caller, str, str]:
        caller = self._callers.updater(request)
        registrations = self._registrations
        # A wrong path is told. A wrong Authorization is not: it may be meant for a proxy.
        if key := path_key(request):
            _, registrations = await self._permitted(key)
        body = await read_body(request)
        try:
            fields = read_fields(body)
            subdomain, txt = text_field(fields, "subdomain"), text_field(fields, "txt")
        except RegistrationError as error:
            error.registration = (await registrations.authenticate(caller)).subdomain
            raise
        return registrations, caller, subdomain, txt


def _note(fields: Any) -> str:
    try:
        return text_field(fields, "subject")
    except RegistrationError:
        return ""
