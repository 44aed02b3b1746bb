"""What people and programs are told of managed certificates: all in a list, or all of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError, NotFoundError
from zoneproof.core.files import exists
from zoneproof.manager.certificates.definition_file import csr_text, field_text
from zoneproof.manager.certificates.last_run import nothing_renews
from zoneproof.manager.certificates.lost import require_not_lost
from zoneproof.manager.certificates.state import CertificateSummary, summary_of
from zoneproof.manager.certificates.store import (
    DamagedCertificate,
    HistoryEntry,
    ManagedCertificate,
)
from zoneproof.manager.credentials.expiry import expiry_in_words
from zoneproof.manager.credentials.use import expiring_keys
from zoneproof.manager.manager import Manager


@dataclass(frozen=True)
class CertificateDetails:
    """A certificate's definition and how it stands, and where its files and its log are.

    ``log`` is empty while there is none.
    """

    certificate: ManagedCertificate
    summary: CertificateSummary
    folder: str
    log: str

    def as_fields(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            **msgspec.to_builtins(self.summary),
            "folder": self.folder,
            "log": self.log,
            "definition": msgspec.to_builtins(self.certificate.definition),
        }

    def rows(self, now: datetime, *, change: str) -> dict[str, str]:
        """Return what people are told of it, by what each is; ``change`` is of one that waits."""
        summary, definition = self.summary, msgspec.to_builtins(self.certificate.definition)
        if self.certificate.definition.csr:
            definition["csr"] = csr_text(self.certificate.definition.csr)
        rows = {
            "status": summary.status,
            "problem": summary.trouble,
            "next": _next(summary, now),
            "issuer": summary.issuer,
            "valid": _validity(summary, now),
            "serial": summary.serial,
            "not deployed": _not_deployed(summary, now),
            "keys": _expiring_keys(summary, now),
            "see": summary.explanation_url,
            "change": change if self.certificate.has_pending else "",
            "files": self.folder,
            "log": self.log,
            **{
                key: field_text(value)
                for key, value in definition.items()
                if key not in ("name", "method", "deploy")
            },
        }
        return {key: text for key, text in rows.items() if text}

    def method_rows(self) -> list[dict[str, str]]:
        """Return what people are told of each authorization method."""
        methods = msgspec.to_builtins(self.certificate.definition.method)
        return [{key: field_text(value) for key, value in one.items()} for one in methods]

    def task_rows(self) -> dict[str, dict[str, str]]:
        """Return what people are told of each deployment task, by its name."""
        found = {}
        for task in msgspec.to_builtins(self.certificate.definition.deploy):
            done = self.summary.deployed.get(task["name"])
            told = {key: field_text(value) for key, value in task.items() if key != "name"}
            found[task["name"]] = told | ({"deployed": times.at(done.at)} if done else {})
        return found


async def summaries(manager: Manager, now: datetime) -> list[CertificateSummary]:
    """Return how every managed certificate stands, also one whose definition cannot be read."""
    facts = await manager.circumstances()
    found = await manager.certificates.each()
    if not found:
        await require_not_lost(manager.certificates, manager.history, manager.files)
    expiring, locked = await expiring_keys(manager.store, now.date()), secrets_problem(manager)
    with manager.files.reading_many(save=False):  # whoever lists certificates may only read
        return [
            replace(
                _with_keys(summary := summary_of(one, manager.files, now, facts), one, expiring),
                nothing_renews=locked or nothing_renews(manager.home, [summary], now),
            )
            for one in found
        ]


async def details(manager: Manager, name: str, now: datetime) -> CertificateDetails:
    """Return all of a certificate. Raises InvalidInputError if there is none of this name."""
    certificate = await manager.certificates.get(name)
    facts = await manager.circumstances(certificate.definition)
    log = manager.logs.path(certificate.name)
    summary = summary_of(certificate, manager.files, now, facts)
    why = secrets_problem(manager) or nothing_renews(manager.home, [summary], now)
    expiring = await expiring_keys(manager.store, now.date())
    return CertificateDetails(
        certificate,
        replace(_with_keys(summary, certificate, expiring), nothing_renews=why),
        str(manager.files.live(certificate.name)),
        str(log) if log and exists(log) else "",
    )


def secrets_problem(manager: Manager) -> str:
    """Say that no stored secret can be opened, without which nothing is renewed; else empty."""
    problem = manager.vault_problem
    return f"stored secrets cannot be opened: {problem}" if problem else ""


def _with_keys(
    summary: CertificateSummary,
    certificate: ManagedCertificate | DamagedCertificate,
    expiring: Mapping[str, date],
) -> CertificateSummary:
    if isinstance(certificate, DamagedCertificate):
        return summary
    used = dict.fromkeys(method.credential for method in certificate.definition.method)
    keys = {name: expiring[name] for name in used if name in expiring}
    return replace(summary, expiring_keys=keys)


async def history(manager: Manager, name: str) -> list[HistoryEntry]:
    """Return what happened to a certificate, which may be removed by now, oldest first.

    Raises InvalidInputError if nothing is known of it.
    """
    try:
        known = (await manager.certificates.look_up(name)).name  # also of a damaged one
    except InvalidInputError:
        known = ""
    entries = await manager.history.of(known or name)
    if not entries and not known:
        raise NotFoundError(f"there is no certificate '{name[:80]}'")
    return entries


# --- in words ----------------------------------------------------------------------------------


_NOT_DONE = "the task {} is not done yet"


def expiry_text(summary: CertificateSummary, now: datetime) -> str:
    """Return how far away the expiry is; empty without a certificate."""
    return times.distance(summary.not_after, now) if summary.not_after else ""


def renewal_text(summary: CertificateSummary, now: datetime) -> str:
    """Return how far away the renewal is; empty if there will be none."""
    if summary.renew_at is None:
        return ""
    # How long it is due already does not matter.
    return "now" if summary.renew_at <= now else times.distance(summary.renew_at, now)


def next_attempt(at: datetime, now: datetime) -> str:
    """Return when the next attempt is, or was due."""
    was_due = " was due" if at < now and times.distance(at, now) != "now" else ""
    return f"next attempt{was_due} {times.distance(at, now)}"


def remark(summary: CertificateSummary, now: datetime) -> str:
    """Return what somebody has to know of it, in a line; empty for nothing."""
    if summary.status == "awaiting user":
        first, *others = summary.awaiting
        if not others:
            return f"create {first}"
        return f"{len(others) + 1} records to create, the first: {first}"
    told = [summary.last_error or summary.problem]
    for name, task in summary.not_deployed.items():
        told.append(f"{name}: {task.last_error}" if task.last_error else _NOT_DONE.format(name))
    return "; ".join(filter(None, told)) or _expiring_keys(summary, now)


def _validity(summary: CertificateSummary, now: datetime) -> str:
    if not (summary.not_before and summary.not_after):
        return ""
    return f"{times.at(summary.not_before)} to {times.at_and_distance(summary.not_after, now)}"


def _next(summary: CertificateSummary, now: datetime) -> str:
    if summary.status == "awaiting user" and summary.renew_at and summary.renew_at <= now:
        return "it continues once the records exist: each renewal run looks"
    when = ""
    if summary.renew_at:
        when = "renewal now"
        if summary.renew_at > now:
            when = f"renewal from {times.at_and_distance(summary.renew_at, now)}"
    return "; ".join(part for part in (when, summary.reason) if part)


def _expiring_keys(summary: CertificateSummary, now: datetime) -> str:
    return "; ".join(
        f"the key of the credential {name} {expiry_in_words(expires, now.date())}"
        for name, expires in summary.expiring_keys.items()
    )


def _not_deployed(summary: CertificateSummary, now: datetime) -> str:
    parts = []
    for name, task in summary.not_deployed.items():
        parts.append(f"{name} since {times.at(task.since)}")
        if task.last_error:
            parts.append(f"attempt {task.attempts} failed: {task.last_error}")
        if task.next_attempt_at:
            parts.append(next_attempt(task.next_attempt_at, now))
    return "; ".join(parts)
