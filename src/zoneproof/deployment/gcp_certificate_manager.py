"""The task that updates a self-managed certificate of Google Cloud in place."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

import msgspec

from zoneproof.acme import parse_chain
from zoneproof.core.errors import (
    AcmeError,
    InvalidInputError,
    ProviderError,
    ProviderUnavailableError,
)
from zoneproof.core.fields import CredentialField
from zoneproof.core.text import sanitize
from zoneproof.core.webhooks import check_url
from zoneproof.deployment.api import api_client, with_key
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.fields import token_field
from zoneproof.providers.google_identity import (
    CLOUD_SCOPE,
    CREDENTIALS,
    ERRORS,
    IMPERSONATE,
    LOGIN_FIELDS,
    REFUSALS,
    GoogleIdentity,
)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")  # as Google's Terraform provider has it
_NOT_IN_NAME = re.compile(r"[^a-z0-9-]")
_LOCATION = re.compile(r"[a-z0-9-]{1,40}")
_NOT_THERE = 404
_LOOKS = 30  # at an operation
_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds between two of them, doubled each time


class _Managed(msgspec.Struct):
    """How Google renews one."""


class _Certificate(msgspec.Struct, rename="camel"):
    """One of the three kinds; all that is in ``selfManaged`` is for input only, so it is not asked
    for here.
    """

    pem_certificate: str = ""
    managed: _Managed | None = None
    managed_identity: _Managed | None = None


class _Status(msgspec.Struct):
    message: str = ""


class _Operation(msgspec.Struct):
    name: str
    done: bool = False
    error: _Status | None = None


def _spelled(certificate: str) -> str:
    name = _NOT_IN_NAME.sub("-", certificate.lower())
    return name if name[:1].isalpha() else f"cert-{name}"


def _check_name(text: str) -> str:
    if not _NAME.fullmatch(text.replace("{name}", "name")):
        raise InvalidInputError(
            f"certificate: '{sanitize(text)}' cannot be a name in Certificate Manager: use"
            " letters, digits, '-' and '_', at most 64, and a letter first"
        )
    return text


def _check_location(text: str) -> None:
    if not _LOCATION.fullmatch(text):
        raise InvalidInputError(f"location: '{sanitize(text)}' is not a location of Google Cloud")


class GcpCertificateManager:
    """Updates the certificate of that name, unless it is this one already; makes a missing one."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="gcp-certificate-manager",
        title="Google Cloud Certificate Manager",
        homepage="https://cloud.google.com/certificate-manager/docs/reference/certificate-manager/rest",
        target="certificate",
        spelled=_spelled,
        machine=("project", "credentials", "location"),
        fields=(
            CredentialField(
                "certificate",
                "name there, in which {name} is the certificate's name with '-' for its dots, and"
                " 'cert-' before one that begins with no letter",
                default="{name}",
                check=_check_name,
            ),
            CredentialField(
                "location",
                "global, or a region",
                default="global",
                check=_check_location,
            ),
            CREDENTIALS,
            token_field("project", "id of the project", secret=False, default=""),
            IMPERSONATE,
            *LOGIN_FIELDS,
            CredentialField(
                "api_url",
                "where the API is",
                default="https://certificatemanager.googleapis.com/v1",
                url=True,
                rare=True,
                check=check_url,
            ),
        ),
        notes="Load balancers take the new certificate up by themselves, because its name stays."
        " One that Google manages is left alone. Without `credentials` the machine's own service"
        " account is used, and its project. It needs `certificatemanager.certs.get`, `.create` and"
        " `.update`, and `certificatemanager.operations.get`, as the role `Certificate Manager"
        " Editor` has them.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context, self._fields = context, context.fields
        self._identity = GoogleIdentity(
            "deployment task gcp-certificate-manager", self._fields, CLOUD_SCOPE, context.now
        )

    async def run(self, occasion: Occasion) -> str:
        """Update it."""
        material, key = with_key(occasion)
        name = self._name(occasion.certificate)
        body = {
            "selfManaged": {
                "pemCertificate": material.chain.pem.decode(),
                "pemPrivateKey": key.decode(),
            }
        }
        async with self._client() as client:
            parent = await self._parent(client)
            place = f"{parent}/certificates/{name}"
            present = await self._present(client, place)
            if present is None:
                answer = await client.send(
                    "POST",
                    f"{parent}/certificates",
                    query={"certificateId": name},
                    json=body,
                    where="creating",
                )
            elif _serial(present) == material.chain.leaf.serial_number:
                return f"{place} has it already"
            else:
                answer = await client.send(
                    "PATCH",
                    place,
                    query={"updateMask": "selfManaged"},
                    json=body,
                    where="updating",
                    repeatable=True,
                )
            await self._finish(client, client.read(answer, _Operation))
        return f"{place} is {'updated' if present else 'created'}"

    async def problems(self) -> list[str]:
        """Sign in, and look at the certificate that is there."""
        async with self._client() as client:
            place = f"{await self._parent(client)}/certificates/{self._name('zoneproof')}"
            await self._present(client, place)
        return []

    def _name(self, certificate: str) -> str:
        return _check_name(self.info.named(self._fields["certificate"], certificate))

    async def _parent(self, client: ApiClient) -> str:
        project = self._identity.project or await self._identity.machine_project(client)
        return f"projects/{project}/locations/{self._fields['location']}"

    async def _present(self, client: ApiClient, place: str) -> _Certificate | None:
        answer = await client.send("GET", place, expected=(200, _NOT_THERE), where="looking")
        if answer.status == _NOT_THERE:
            return None
        found = client.read(answer, _Certificate)
        if found.managed is not None or found.managed_identity is not None:
            raise ProviderError(f"{place} is managed by Google: name another one, or delete it")
        return found

    async def _finish(self, client: ApiClient, operation: _Operation) -> None:
        pause = _PAUSE
        for _ in range(_LOOKS):
            if operation.done:
                break
            await self._context.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            if not operation.name.startswith("projects/"):
                raise ProviderError(f"{sanitize(operation.name)} is not the name of an operation")
            operation = await client.get(operation.name, _Operation)
        if operation.error:
            raise ProviderError(f"it failed: {sanitize(operation.error.message)}")
        if not operation.done:
            raise ProviderUnavailableError(f"{sanitize(operation.name)} does not end; try again")

    def _client(self) -> AbstractAsyncContextManager[ApiClient]:
        return api_client(
            self._context,
            "Google Cloud Certificate Manager",
            self._fields["api_url"],
            secrets=self._identity.secrets,
            sign_in=self._identity.sign_in,
            refusals=REFUSALS,
            errors=ERRORS,
        )


def _serial(present: _Certificate) -> int:
    try:
        return parse_chain(
            present.pem_certificate.encode(), "Certificate Manager"
        ).leaf.serial_number
    except AcmeError:
        return 0  # of one that is unusable, which is replaced
