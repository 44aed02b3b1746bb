"""What the REST API takes and gives; ``--json`` on the command line prints the same."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from zoneproof.challengedns.store.audit import ServiceAuditEntry
from zoneproof.challengedns.store.checks import MAX_NOTE
from zoneproof.challengedns.store.registrations import NewRegistration, Registrations
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.challengedns.store.tenant_rows import LicenceKey, Tenant
from zoneproof.challengedns.store.tenants import DEFAULT_QUOTA, MAX_QUOTA, NAME_PATTERN, NAME_RULE
from zoneproof.challengedns.store.usage import MonthOfTenant
from zoneproof.storage import Transaction

MAX_TIME = 253_402_300_799
"""The last second of the year 9999, in seconds since 1970."""

Note = Annotated[str, Meta(max_length=MAX_NOTE)]
Quota = Annotated[int, Meta(ge=0, le=MAX_QUOTA)]
Time = Annotated[int, Meta(ge=0, le=MAX_TIME, description="Seconds since 1970.")]
TenantName = Annotated[str, Meta(pattern=NAME_PATTERN, description=NAME_RULE)]
Cidrs = Annotated[list[str], Meta(description="Networks such as 192.0.2.0/24 or 2001:db8::/32.")]

Subdomain = Annotated[str, Meta(pattern="^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$")]
Txt = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{43}$")]


# --- as acme-dns has them ----------------------------------------------------------------------


class ErrorWord(Struct, frozen=True):
    """Why a request failed, as acme-dns says it."""

    error: str


class RegisterRequest(Struct, frozen=True):
    """Keys count in any case, and others are ignored; ``subject`` becomes the note."""

    allowfrom: Cidrs | None = None
    subject: Any = None


class UpdateRequest(Struct, frozen=True):
    """Keys count in any case, and others are ignored; ``txt`` is a value of dns-01."""

    subdomain: Subdomain
    txt: Txt


class Updated(Struct, frozen=True):
    """The value that is published, or withdrawn."""

    txt: Txt


class RegistrationCredentials(Struct, frozen=True):
    """What a client needs for its registration. The password is shown only here."""

    username: str
    password: str
    fulldomain: str
    subdomain: str
    allowfrom: tuple[str, ...]


# --- registrations -----------------------------------------------------------------------------


class RegistrationFacts(Struct, frozen=True):
    """A registration; ``tenant`` is null if it was made without a licence key."""

    fulldomain: str
    subdomain: str
    username: str
    allowfrom: tuple[str, ...]
    note: str
    tenant: str | None
    disabled: bool
    created_at: Time


class TxtValue(Struct, frozen=True):
    """A live value."""

    txt: str
    expires_at: Time


class RegistrationDetails(RegistrationFacts, frozen=True):
    """A registration and its live values, oldest first."""

    values: tuple[TxtValue, ...]


class RegistrationPage(Struct, frozen=True):
    """Some registrations; ``next`` is the ``after`` of the following page, null on the last."""

    registrations: tuple[RegistrationFacts, ...]
    next: str | None


class RegistrationChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is not there stays. ``tenant`` is for the operator; null: nobody's."""

    note: Note | UnsetType = UNSET
    allowfrom: Cidrs | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    tenant: TenantName | UnsetType | None = UNSET


# --- tenants and keys --------------------------------------------------------------------------


class NewTenant(Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant to make; without ``expires_at`` it never expires."""

    name: TenantName
    quota: Quota = DEFAULT_QUOTA
    expires_at: Time | None = None


class TenantChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is not there stays. ``expires_at`` null: never."""

    quota: Quota | UnsetType = UNSET
    expires_at: Time | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET


class TenantPage(Struct, frozen=True):
    """Some tenants; ``next`` is the ``after`` of the following page, null on the last."""

    tenants: tuple[Tenant, ...]
    next: str | None


class KeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A licence key to make. The operator's keys are made on the command line only."""

    tenant: TenantName
    note: Note = ""


class KeyPage(Struct, frozen=True):
    """Some keys; ``next`` is the ``after`` of the following page, null on the last."""

    keys: tuple[LicenceKey, ...]
    next: str | None


# --- usage -------------------------------------------------------------------------------------


class MonthUsage(Struct, frozen=True):
    """What all tenants used in a month (UTC), by name."""

    month: str
    tenants: tuple[MonthOfTenant, ...]


# --- audit log ---------------------------------------------------------------------------------


class AuditPage(Struct, frozen=True):
    """Some entries, the newest first; ``next`` is the ``after`` of those before, or null."""

    entries: tuple[ServiceAuditEntry, ...]
    next: str | None


# --- queries -----------------------------------------------------------------------------------


class PageQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of a list."""

    after: Annotated[str, Meta(description="The 'next' of the page before.")] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many, at most.")] = 100


class TenantPageQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which page of a list, of one tenant or of all."""

    tenant: Annotated[str, Meta(description="Only what is this tenant's.")] = ""


class AuditQuery(TenantPageQuery, frozen=True, forbid_unknown_fields=True):
    """Which entries of the audit log."""

    after: Annotated[
        str, Meta(pattern="^[0-9]{0,18}$", description="The 'next' of the page before.")
    ] = ""
    text: Annotated[str, Meta(description="Only those that have this somewhere.")] = ""


class MonthQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which month."""

    month: Annotated[
        str,
        Meta(
            pattern=r"^([0-9]{4}-(0[1-9]|1[0-2]))?$",
            description="Write it as 2027-02 (UTC); without it, the present month.",
        ),
    ] = ""


def facts_of(registrations: Registrations, found: RegistrationRow) -> RegistrationFacts:
    """Return what can be shown of a registration."""
    return RegistrationFacts(
        fulldomain=registrations.fulldomain(found.subdomain),
        subdomain=found.subdomain,
        username=found.username,
        allowfrom=found.allowfrom,
        note=found.note,
        tenant=found.tenant,
        disabled=found.disabled,
        created_at=found.created_at,
    )


def details_of(
    registrations: Registrations, tx: Transaction, found: RegistrationRow
) -> RegistrationDetails:
    """Return what can be shown of a registration, with its live values."""
    values = registrations.values(tx, found.subdomain)
    return RegistrationDetails(
        **asdict(facts_of(registrations, found)),
        values=tuple(TxtValue(txt, expires_at) for txt, expires_at in values),
    )


def credentials_of(new: NewRegistration) -> RegistrationCredentials:
    """Return what a client is given once."""
    return RegistrationCredentials(
        new.username, new.password, new.fulldomain, new.subdomain, new.allowfrom
    )
