"""The endpoints that acme-dns has: register, update, health.

Stock clients send JSON of any content type, with keys in any case.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping

import msgspec
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
from zoneproof.challengedns.api.responses import error_answer
from zoneproof.challengedns.store.authentication import Caller
from zoneproof.challengedns.store.keys import licence_key_id
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.tenants import authenticate_tenant
from zoneproof.core.errors import StorageError
from zoneproof.serving.middleware import MinuteLimit, sender
from zoneproof.serving.operations import Operation
from zoneproof.serving.requests import decode, read_body
from zoneproof.serving.responses import HttpError, json_answer, set_subject

Fields = Mapping[str, msgspec.Raw]

_NULL = msgspec.Raw(b"null")

_log = logging.getLogger(__name__)


class AcmeDnsApi:
    """The endpoints."""

    def __init__(
        self, registrations: Registrations, *, updates_per_minute: int, open_registration: bool
    ) -> None:
        self._registrations = registrations
        self._updates = MinuteLimit(updates_per_minute)
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
        fields = _read_fields(body) if body else {}
        new = await registrations.register(
            allowfrom=_texts_field(fields, "allowfrom"), note=_note(fields), tenant=tenant
        )
        set_subject(request, "registration", new.subdomain)
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
        set_subject(request, "registration", subdomain)
        return json_answer(200, Updated(txt))

    async def withdraw(self, request: Request) -> Response:
        """Withdraw a value."""
        registrations, caller, subdomain, txt = await self._read_update(request)
        await registrations.remove(caller, subdomain, txt)
        set_subject(request, "registration", subdomain)
        return json_answer(200, Updated(txt))

    async def health(self, request: Request) -> Response:
        """Tell whether the service can do its work."""
        try:
            await self._registrations.check()
        except StorageError as error:
            _log.error("%s", error.message)
            return error_answer(request, 503, "storage_unavailable", error.message)
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
        caller = self._caller(request)
        registrations = self._registrations
        # A wrong path is told. A wrong Authorization is not: it may be meant for a proxy.
        if key := path_key(request):
            _, registrations = await self._permitted(key)
        body = await read_body(request)
        try:
            fields = _read_fields(body)
            subdomain, txt = _text_field(fields, "subdomain"), _text_field(fields, "txt")
        except HttpError:
            own = await registrations.authenticate(caller)
            set_subject(request, "registration", own.subdomain)
            raise
        return registrations, caller, subdomain, txt

    def _caller(self, request: Request) -> Caller:
        """Return who a request says that it comes from. Raises HttpError 429."""
        caller = Caller(
            username=request.headers.get("x-api-user", ""),
            key=request.headers.get("x-api-key", ""),
            address=sender(request),
        )
        # By both, so that nobody without the key can use up what a registration may do.
        self._updates.count(hashlib.sha256(f"{caller.username}:{caller.key}".encode()).hexdigest())
        return caller


def _read_fields(body: bytes) -> Fields:
    """Return a JSON object's members by lower-case key; their values are not looked at yet."""
    members = decode(body, dict[str, msgspec.Raw] | None) or {}
    return {key.lower(): value for key, value in members.items()}


def _text_field(fields: Fields, key: str) -> str:
    """Return a text; it is empty if it is missing or null."""
    text: str | None = decode(fields.get(key, _NULL), str | None)
    return text or ""


def _texts_field(fields: Fields, key: str) -> list[str]:
    """Return a list of texts; it is empty if it is missing or null."""
    texts: list[str] | None = decode(fields.get(key, _NULL), list[str] | None)
    return texts or []


def _note(fields: Fields) -> str:
    try:
        return _text_field(fields, "subject")
    except HttpError:
        return ""
