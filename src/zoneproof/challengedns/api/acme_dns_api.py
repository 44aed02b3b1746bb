"""The endpoints that acme-dns has: register, update, health.

Stock clients send JSON of any content type, with keys in any case.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

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
    credentials_of,
)
from zoneproof.challengedns.api.responses import error_answer
from zoneproof.challengedns.dns.live_view import LiveView
from zoneproof.challengedns.store.authentication import Caller, as_caller
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.keys import licence_key_id
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.challengedns.store.tenants import authenticate_tenant
from zoneproof.core.errors import RegistrationError, StorageError
from zoneproof.serving.middleware import MinuteLimit, sender
from zoneproof.serving.operations import Operation
from zoneproof.serving.requests import decode, read_body
from zoneproof.serving.responses import HttpError, json_answer, set_subject
from zoneproof.storage import Transaction

T = TypeVar("T")
Fields = Mapping[str, msgspec.Raw]

_NULL = msgspec.Raw(b"null")
# Made once: it takes as long to make them as to decode a text.
_FIELDS = dict[str, msgspec.Raw] | None
_TEXT = str | None
_TEXTS = list[str] | None

_log = logging.getLogger(__name__)


class AcmeDnsApi:
    """The endpoints."""

    def __init__(
        self,
        database: Database,
        registrations: Registrations,
        *,
        updates_per_minute: int,
        open_registration: bool,
        live: LiveView | None,
        is_trusted: Callable[[], bool],
    ) -> None:
        self._database = database
        self._registrations = registrations
        self._updates = MinuteLimit(updates_per_minute)
        self._open_registration = open_registration
        self._live = live
        self._is_trusted = is_trusted

    def operations(self) -> list[Operation]:
        """Return the table of what there is."""
        key = (("bearer",), ("basic",))
        account = (("user", "password"),)
        return [
            Operation(
                "POST",
                "/register",
                self.register,
                "Create a registration; the key can also be in the path, /k/<key>/register",
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
                errors=(503,),
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
                errors=(503,),
                security=account,
            ),
            Operation(
                "GET",
                "/health",
                self.health,
                "Report whether the service works",
                None,
                error=ErrorWord,
                errors=(503,),
            ),
        ]

    async def register(self, request: Request) -> Response:
        """Make a registration."""
        permit = await self._permitted(licence_key(request))
        body = await read_body(request)
        fields = _read_fields(body) if body else {}
        allowfrom, note = _texts_field(fields, "allowfrom"), _note(fields)
        new = await self._database.write(
            lambda tx: self._registrations.register(
                tx, allowfrom=allowfrom, note=note, tenant=permit(tx)
            )
        )
        set_subject(request, "registration", new.subdomain)
        return json_answer(201, credentials_of(new))

    async def update(self, request: Request) -> Response:
        """Publish a value."""
        return await self._update(request, self._registrations.update)

    async def withdraw(self, request: Request) -> Response:
        """Withdraw a value."""
        return await self._update(request, self._registrations.remove)

    async def health(self, request: Request) -> Response:
        """Report whether the service works."""
        try:
            await self._database.check()
        except StorageError as error:
            _log.error("%s", error.message)
            return error_answer(request, 503, "storage_unavailable", error.message)
        if not self._is_trusted():
            return error_answer(request, 503, "untrusted_certificate", "ask another node")
        return Response()

    async def _permitted(self, key: str) -> Callable[[Transaction], str | None]:
        """Return what tells for whom a key registers, and raises once it does no longer.

        Without a key it is for no tenant, if that is allowed.
        """
        # What has not the form of a licence key may be a password for a proxy in front.
        if self._open_registration and licence_key_id(key) is None:
            return _for_nobody

        def permit(tx: Transaction) -> str:
            return authenticate_tenant(tx, key, self._registrations.now())

        await self._database.read(permit)
        return permit

    async def _update(
        self, request: Request, change: Callable[[Transaction, Caller, str, str], RegistrationRow]
    ) -> Response:
        caller = self._caller(request)
        # A wrong path is told. A wrong Authorization is not: it may be meant for a proxy.
        key = path_key(request)
        permit = await self._permitted(key) if key else _for_nobody
        body = await read_body(request)
        try:
            fields = _read_fields(body)
            subdomain, txt = _text_field(fields, "subdomain"), _text_field(fields, "txt")
        except HttpError:
            own = await self._authenticate(caller, permit)
            set_subject(request, "registration", own.subdomain)
            raise

        def work(tx: Transaction) -> RegistrationRow:
            permit(tx)
            return change(tx, caller, subdomain, txt)

        try:
            own = await self._as_caller(caller, lambda: self._database.write(work))
        except RegistrationError as error:
            if error.registration:
                self._watch(request, error.registration, txt, f"refused: {error.code}")
            raise
        self._watch(request, own.subdomain, txt, "done")
        set_subject(request, "registration", subdomain)
        if request.method == "POST":
            self._registrations.use.note_update(own, self._registrations.now())
        return json_answer(200, Updated(txt))

    def _watch(self, request: Request, subdomain: str, txt: str, result: str) -> None:
        if self._live is not None:
            what = f"{'publish' if request.method == 'POST' else 'withdraw'} {txt[:43]}"
            self._live.note_update(subdomain, sender(request), what, result)

    async def _authenticate(
        self, caller: Caller, permit: Callable[[Transaction], object]
    ) -> RegistrationRow:
        def work(tx: Transaction) -> RegistrationRow:
            permit(tx)
            return self._registrations.authenticate(tx, caller)

        return await self._as_caller(caller, lambda: self._database.read(work))

    async def _as_caller(self, caller: Caller, action: Callable[[], Awaitable[T]]) -> T:
        legacy_keys = self._registrations.legacy_keys
        return await as_caller(self._database, legacy_keys, caller, action)

    def _caller(self, request: Request) -> Caller:
        """Return who a request says that it comes from. Raises HttpError 429."""
        caller = Caller(
            # In one spelling, or each other one of the same user would be counted for itself.
            username=request.headers.get("x-api-user", "").lower(),
            key=request.headers.get("x-api-key", ""),
            address=sender(request),
        )
        # By both, so that nobody without the key can use up what a registration may do.
        self._updates.count(hashlib.sha256(f"{caller.username}:{caller.key}".encode()).hexdigest())
        return caller


def _read_fields(body: bytes) -> Fields:
    """Return a JSON object's members by lower-case key; their values are not looked at yet."""
    members = decode(body, _FIELDS) or {}
    return {key.lower(): value for key, value in members.items()}


def _text_field(fields: Fields, key: str) -> str:
    """Return a text; it is empty if it is missing or null."""
    text: str | None = decode(fields.get(key, _NULL), _TEXT, key)
    return text or ""


def _texts_field(fields: Fields, key: str) -> list[str]:
    """Return a list of texts; it is empty if it is missing or null."""
    texts: list[str] | None = decode(fields.get(key, _NULL), _TEXTS, key)
    return texts or []


def _for_nobody(tx: Transaction) -> None:
    """Permit what needs no licence key."""


def _note(fields: Fields) -> str:
    try:
        return _text_field(fields, "subject")
    except HttpError:
        return ""
