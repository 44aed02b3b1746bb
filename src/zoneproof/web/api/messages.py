"""What the API takes and answers, besides what the manager has a form for."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager import CertificateDefinition, CertificateSummary
from zoneproof.manager.certificates.definition import default_name
from zoneproof.manager.certificates.removal import REASONS
from zoneproof.manager.certificates.state import CertificateWord
from zoneproof.web.runs import WebRun

Reason = Literal[
    "unspecified", "key-compromise", "affiliation-changed", "superseded", "cessation-of-operation"
]
assert set(get_args(Reason)) == set(REASONS)


class CertificateFacts(CertificateSummary, frozen=True, kw_only=True):
    """A certificate: how it stands, its definition, and where its files and its log are."""

    folder: str
    log: str
    definition: CertificateDefinition


class GivenDefinition(CertificateDefinition, frozen=True, kw_only=True):
    """A definition that may leave out its name, as in a file of definitions."""

    name: str = ""

    def checked(self, name: str = "") -> CertificateDefinition:
        """Return the definition, of that name if it has none. Raises InvalidInputError."""
        if not self.identifiers:
            raise InvalidInputError(
                "'identifiers' must name what the certificate is for, as"
                ' ["example.com", "*.example.com"]'
            )
        name = self.name or name or default_name(self.identifiers)
        return CertificateDefinition(**asdict(self) | {"name": name}).check()


class Which(msgspec.Struct, frozen=True):
    """Which certificates: those with a ``status``, those that need attention."""

    status: CertificateWord | UnsetType = UNSET
    attention: bool = False


class Removal(msgspec.Struct, frozen=True):
    """Whether the files of a certificate are deleted, too."""

    delete_files: bool = False


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a certificate is revoked (RFC 5280 section 5.3.1)."""

    reason: Reason = "unspecified"


class Pem(msgspec.Struct, frozen=True):
    """A certificate's public files."""

    cert: str
    chain: str
    fullchain: str


class PrivateKey(msgspec.Struct, frozen=True):
    """A certificate's key."""

    privkey: str


class ZoneToTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a credential's test writes; by default in its first zone."""

    zone: str = ""


class HistoryFacts(msgspec.Struct, frozen=True):
    """Something that happened to a certificate; ``at`` is RFC 3339 in UTC."""

    at: str
    kind: str
    message: str


class RunFacts(msgspec.Struct, frozen=True):
    """Work that was set going. ``events`` are as ``zoneproof issue --json`` prints them.

    ``records`` are DNS records that a person has to create before it can continue.
    """

    id: str
    title: str
    certificates: tuple[str, ...]
    state: Literal["running", "done", "failed", "awaiting user", "stopped"]
    started: str
    ended: str
    error: str
    records: tuple[str, ...]
    events: list[dict[str, Any]]

    @classmethod
    def of(cls, run: WebRun) -> RunFacts:
        """Return what is known of a run."""
        return cls(
            run.id,
            run.title,
            run.certificates,
            run.state,
            times.stamp(run.started),
            times.stamp(run.ended) if run.ended else "",
            run.error.message if run.error else "",
            run.error.records if run.error else (),
            [event_fields(*one) for one in run.events],
        )


def event_fields(number: int, certificate: str, event: Any) -> dict[str, Any]:
    """Return an event as JSON has it, with its number."""
    return {"number": number, "certificate": certificate, **msgspec.to_builtins(event)}
