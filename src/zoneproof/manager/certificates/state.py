"""What is known of each managed certificate between runs, put together for people and programs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from zoneproof.acme import CertificateChain
from zoneproof.core.errors import StorageError
from zoneproof.issuance import Journal
from zoneproof.manager.certificates.circumstances import Circumstances
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.deployment_state import (
    Deployed,
    NotDeployed,
    TaskResult,
    tasks_left,
)
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.on_disk import OnDisk
from zoneproof.manager.certificates.renewal_state import (
    Lifetime,
    RenewalState,
    by_the_clock,
    in_circumstances,
    of_certificate,
)
from zoneproof.manager.certificates.schedule import Due, clock_problem, renewal_due
from zoneproof.manager.certificates.store import (
    Certificates,
    DamagedCertificate,
    ManagedCertificate,
    decode_state,
)
from zoneproof.manager.notifications.notice import Notified

_SOON = timedelta(hours=1)
_GOOD = ("valid", "due", "not renewed")


CertificateWord = Literal[
    "valid",
    "due",
    "expired",
    "revoked",
    "missing",
    "failing",
    "awaiting user",
    "paused",
    "not deployed",
    "not renewed",
    "damaged",
]
"""How a certificate stands, in one word."""


class CertificateState(msgspec.Struct, frozen=True):
    """What is stored. ``awaiting`` are records that a person has to create first, for what is saved
    or, as ``change_awaiting``, for a change of it that is pending; ``told`` is what people were
    notified of. ``deployed`` is what each task was done for last, by its name, and ``not_deployed``
    what is known of those that failed. ``usual_access`` are the group and the mode of settings.toml
    that the files were brought to last.
    """

    renewal: RenewalState = RenewalState()
    awaiting: tuple[str, ...] = ()
    change_awaiting: tuple[str, ...] = ()
    told: Notified = Notified()
    deployed: dict[str, Deployed] = {}
    not_deployed: dict[str, NotDeployed] = {}
    usual_access: tuple[str, str] = ("", "")


class CertificateSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A managed certificate as ``list`` and ``show`` tell of it; times are in UTC.

    ``status`` is ``valid``, ``due``, ``expired``, ``revoked``, ``missing`` (no usable certificate
    is there), ``failing``, ``awaiting user``, ``paused`` (by the CA), ``not deployed`` (it
    was issued), ``not renewed`` (by its definition) or ``damaged`` (what is stored of it cannot be
    read). ``pending_change`` tells that a change of its definition is kept until it works.
    ``deployed`` and ``not_deployed`` are the tasks that are done and those that are left;
    ``expiring_keys`` are the credentials that it uses whose keys expire within 30 days, and when.
    ``nothing_renews`` says why it is not renewed although its time has come, or would not be: no
    run looks at the home, or stored secrets cannot be opened.
    """

    name: str
    status: CertificateWord
    identifiers: tuple[str, ...]
    not_before: datetime | None = None
    not_after: datetime | None = None
    issuer: str = ""
    serial: str = ""
    names_on_certificate: tuple[str, ...] = ()
    renew_at: datetime | None = None
    reason: str = ""
    failures: int = 0
    last_error: str = ""
    next_attempt_at: datetime | None = None
    awaiting: tuple[str, ...] = ()
    pending_change: bool = False
    explanation_url: str = ""
    problem: str = ""
    deployed: dict[str, Deployed] = {}
    not_deployed: dict[str, NotDeployed] = {}
    expiring_keys: dict[str, date] = {}
    nothing_renews: str = ""

    @property
    def trouble(self) -> str:
        """What is wrong with it, and why the last attempt failed."""
        return "; the last attempt failed: ".join(filter(None, (self.problem, self.last_error)))

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look at it."""
        return bool(self.problem or self.expiring_keys) or self.status not in _GOOD


class CertificateStatus(msgspec.Struct, frozen=True):
    """A certificate, its stored state and what is on disk, at one time.

    ``left`` are the deployment tasks that are left to do.
    """

    certificate: ManagedCertificate
    state: CertificateState
    disk: OnDisk
    due: Due
    now: datetime
    left: dict[str, NotDeployed] = msgspec.field(default_factory=dict)

    @property
    def change_awaiting(self) -> tuple[str, ...]:
        """The records that a person has to create first for the change that is pending."""
        return self.state.change_awaiting if self.certificate.has_pending else ()

    @property
    def tasks_are_due(self) -> bool:
        """Whether there is a task to do now."""
        return not self.disk.problem and any(one.is_due(self.now) for one in self.left.values())

    @property
    def lifetime(self) -> Lifetime | None:
        """When the certificate on disk is valid; None if there is none."""
        return lifetime_of(self.disk)

    def overview(self) -> CertificateSummary:
        """Return what people and programs want to know."""
        definition, renewal, leaf = self.certificate.definition, self.state.renewal, None
        chain = CertificateChain((self.disk.certificate,)) if self.disk.certificate else None
        if chain:
            leaf = chain.leaf
        return CertificateSummary(
            name=definition.name,
            status=self._status(),
            identifiers=definition.identifiers,
            not_before=leaf.not_valid_before_utc if leaf else None,
            not_after=leaf.not_valid_after_utc if leaf else None,
            issuer=chain.issuer if chain else "",
            serial=f"{leaf.serial_number:x}" if leaf else "",
            names_on_certificate=chain.names if chain else (),
            renew_at=self.due.at if definition.renew else None,
            reason=self.due.reason if definition.renew else "",
            failures=renewal.failures,
            last_error=renewal.last_error,
            next_attempt_at=renewal.next_attempt_at,
            awaiting=self.state.awaiting or self.change_awaiting,
            pending_change=self.certificate.has_pending,
            explanation_url=renewal.explanation_url,
            problem=self._problem(),
            deployed={
                task.name: self.state.deployed[task.name]
                for task in definition.deploy
                if task.name in self.state.deployed and task.name not in self.left
            },
            not_deployed=self.left,
        )

    def _status(self) -> CertificateWord:
        lifetime = self.lifetime
        if self.state.renewal.paused:
            return "paused"
        if self.state.awaiting:
            return "awaiting user"
        if self.state.renewal.failures:
            return "failing"
        if lifetime is None:
            return "missing"
        if lifetime.not_after <= self.now:
            return "expired"
        if self.state.renewal.revoked_at:
            return "revoked"
        if self.left:
            return "not deployed"
        if not self.certificate.definition.renew:
            return "not renewed"
        if self.change_awaiting:
            return "awaiting user"
        return "due" if self.due.now else "valid"

    def _problem(self) -> str:
        lifetime = self.lifetime
        if self.disk.problem or lifetime is None:
            return self.disk.problem
        return clock_problem(lifetime, self.now, self.state.renewal.obtained_at)


def summary_of(
    found: ManagedCertificate | DamagedCertificate,
    files: CertificateFiles,
    now: datetime,
    circumstances: Circumstances,
) -> CertificateSummary:
    """Return what people and programs want to know, also of what cannot be read."""
    if isinstance(found, DamagedCertificate):
        return CertificateSummary(
            name=found.name, status="damaged", identifiers=(), problem=found.error.message
        )
    try:
        return status_of(found, files, now, circumstances=circumstances).overview()
    except StorageError as error:
        return CertificateSummary(
            name=found.name,
            status="damaged",
            identifiers=found.definition.identifiers,
            problem=error.message,
        )


def state_of(certificate: ManagedCertificate) -> CertificateState:
    """Return what is stored of a certificate's state. Raises StorageError."""
    return decode_state(certificate.name, certificate.state, CertificateState)


def lifetime_of(disk: OnDisk) -> Lifetime | None:
    """Return when a usable certificate is valid; None if there is none."""
    if disk.certificate is None or disk.problem:
        return None
    leaf = disk.certificate
    return Lifetime(leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def serial_of(disk: OnDisk) -> str:
    """Return the serial number on disk in hex, empty if there is none."""
    return f"{disk.certificate.serial_number:x}" if disk.certificate else ""


def status_of(
    certificate: ManagedCertificate,
    files: CertificateFiles,
    now: datetime,
    next_wake: datetime | None = None,
    *,
    circumstances: Circumstances | None = None,
) -> CertificateStatus:
    """Put together what is stored and what is on disk; a certificate changed by hand counts.

    ``next_wake`` is when the caller looks again, in an hour if it does not know. A certificate
    whose names or CA account are not the defined ones is due, and so is one that waits for a
    person, who may have done it. If the ``circumstances`` are not those in which it failed or began
    to wait, it no longer does, and is due; a task whose credential was changed is left to do. None
    does not judge that.
    """
    state = state_of(certificate)
    disk = files.read(certificate.name)
    lifetime = lifetime_of(disk)
    before = by_the_clock(of_certificate(state.renewal, serial_of(disk)), lifetime, now)
    facts = circumstances.of(certificate.definition) if circumstances else ""
    renewal = in_circumstances(before, facts)
    awaiting = state.awaiting if renewal is before else ()
    if renewal is not before:
        change = "what it failed with was changed"
    elif awaiting:
        change = "the records that it waits for may exist now"
    else:
        change = _change(certificate.definition, disk, renewal)
    due = renewal_due(
        certificate.name,
        renewal,
        lifetime,
        now=now,
        next_wake=next_wake or now + _SOON,
        change=change,
    )
    left = tasks_left(
        certificate.definition.deploy,
        state.deployed,
        state.not_deployed,
        "" if disk.problem else serial_of(disk),
        renewal.obtained_at or now,
        circumstances.credentials if circumstances else {},
    )
    state = replace(state, renewal=renewal, awaiting=awaiting)
    return CertificateStatus(certificate, state, disk, due, now, left)


def _change(definition: CertificateDefinition, disk: OnDisk, renewal: RenewalState) -> str:
    """Say what was changed since the certificate was obtained, empty for nothing."""
    if disk.certificate is None or disk.problem:
        return ""
    names = {name.lower() for name in CertificateChain((disk.certificate,)).names}
    wanted = set(definition.identifiers)
    if not wanted <= names or wanted != set(renewal.identifiers or names):
        return "its names were changed"
    accounts = (definition.account, *definition.fallback_accounts)
    if renewal.account and definition.account and renewal.account not in accounts:
        return "its CA account was changed"
    return ""


class Kept(msgspec.Struct, frozen=True):
    """A certificate that stays, because it is valid and what is wanted. The time is in UTC.

    ``title`` is its name for people; ``tasks`` are what came of those that were left to do with it.
    """

    name: str
    title: str
    not_after: datetime
    tasks: tuple[TaskResult, ...] = ()


async def keep(
    certificates: Certificates,
    files: CertificateFiles,
    journal: Journal,
    definition: CertificateDefinition,
) -> Kept | None:
    """Return the certificate of a stored definition if it is good for now, else None.

    It is not if it is due, was obtained with another definition, is about to be obtained, or if the
    last attempt failed. Raises StorageError.
    """
    certificate = await certificates.find(definition.name)
    if certificate is None or certificate.definition != definition:
        return None
    found = status_of(certificate, files, datetime.now(UTC))
    renewal = found.state.renewal
    changed = renewal.definition not in ("", definition.fingerprint)
    if found.lifetime is None or found.due.now or renewal.failures or renewal.paused or changed:
        return None
    if await is_interrupted(certificate, journal):
        return None
    return Kept(definition.name, definition.title, found.lifetime.not_after)


async def is_interrupted(certificate: ManagedCertificate, journal: Journal) -> bool:
    """Tell whether the last run did not come to its end, so that another can continue from there.

    It waits for a person, has failed, was cut off, or tried a change that is not saved yet.
    """
    state = state_of(certificate)
    return bool(
        certificate.has_pending
        or state.awaiting
        or state.renewal.failures
        or await journal.open_orders(certificate.name)
    )
