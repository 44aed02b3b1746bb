"""Renews the certificates that are due, many at once, and tells what came of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from zoneproof.errors import AcmeError, AwaitingUserError, BusyError, ZoneproofError
from zoneproof.issuance import Emit, Warned
from zoneproof.manager.certificates.schedule import (
    LOOK_EVERY,
    Lifetime,
    ari_question_due,
    with_ari,
    without_ari,
)
from zoneproof.manager.certificates.state import Standing, standing
from zoneproof.manager.certificates.stored import ManagedCertificate
from zoneproof.manager.lifecycle.issue import Outcome, clean_up, issue
from zoneproof.manager.manager import Manager

EmitFor = Callable[[str], Emit]


@dataclass(frozen=True)
class Renewal:
    """What came of one certificate.

    ``result`` is ``renewed``, ``not due``, ``failed``, ``awaiting user`` or ``busy`` (another
    process works on it); ``error`` is there for the last three, ``reason`` says why it was due.
    ``lifetime`` is that of the certificate that is there now, None for none. ``look_again_at`` is
    when something may have to be done next.
    """

    name: str
    result: str
    identifiers: tuple[str, ...]
    reason: str = ""
    lifetime: Lifetime | None = None
    outcome: Outcome | None = None
    error: ZoneproofError | None = None
    look_again_at: tuple[datetime | None, ...] = ()


async def renew(
    manager: Manager,
    emit_for: EmitFor,
    *,
    names: Sequence[str] = (),
    force: bool = False,
    next_wake: datetime | None = None,
    on_result: Callable[[Renewal], None] | None = None,
) -> list[Renewal]:
    """Renew what is due of the named certificates, by default of all that are to be renewed.

    ``force`` renews them whether due or not, paused or not. ``next_wake`` is when the caller looks
    again, in an hour if it does not know. ``on_result`` hears of each as soon as it is done. Never
    raises for a single certificate, nor for one that is removed meanwhile. Raises
    InvalidInputError for an unknown name, StorageError.
    """
    if names:
        chosen = [await manager.certificates.get(name) for name in dict.fromkeys(names)]
    else:
        chosen = [one for one in await manager.certificates.all() if one.definition.renew]
    await clean_up(manager, emit_for(""))
    gate = asyncio.Semaphore(manager.settings.parallel)

    async def one(certificate: ManagedCertificate) -> Renewal:
        async with gate:
            result = await _renew_one(manager, certificate, emit_for, force, next_wake)
        if on_result:
            on_result(result)
        return result

    return list(await asyncio.gather(*map(one, chosen)))


async def _renew_one(
    manager: Manager,
    certificate: ManagedCertificate,
    emit_for: EmitFor,
    force: bool,
    next_wake: datetime | None,
) -> Renewal:
    name, emit = certificate.name, emit_for(certificate.name)
    now = datetime.now(UTC)
    next_wake = next_wake or now + LOOK_EVERY
    found = standing(certificate, manager.files, now, next_wake)
    if not (force or found.due.now):
        found = await _ask_ca(manager, found, next_wake, emit)
    if not (force or found.due.now):
        return _with_standing(
            Renewal(name, "not due", _names(certificate), found.due.reason), found
        )
    reason = "asked for" if force else found.due.reason
    for account in _accounts(manager, found):
        result = await _try(manager, certificate, account, emit)
        if result.result != "failed" or not await _fails_over(manager, certificate):
            break
        emit(Warned(f"{name}: {result.error}; trying the next account"))
    after = standing(await _fresh(manager, certificate), manager.files, datetime.now(UTC))
    return _with_standing(replace(result, reason=result.reason or reason), after)


async def _fresh(manager: Manager, certificate: ManagedCertificate) -> ManagedCertificate:
    """Return the certificate as it is stored now, or as it was if it is no more."""
    return await manager.certificates.find(certificate.name) or certificate


def _names(certificate: ManagedCertificate) -> tuple[str, ...]:
    return certificate.definition.identifiers


def _with_standing(result: Renewal, found: Standing) -> Renewal:
    moments = (found.due.at, found.state.renewal.ask_again_at)
    return replace(result, lifetime=found.lifetime, look_again_at=moments)


async def _ask_ca(manager: Manager, found: Standing, next_wake: datetime, emit: Emit) -> Standing:
    """Ask the CA when to renew (RFC 9773) if it is time to, and judge again."""
    certificate, renewal, leaf = found.certificate, found.state.renewal, found.disk.certificate
    account = renewal.account or certificate.definition.account or manager.settings.account
    if leaf is None or not ari_question_due(renewal, found.now):
        return found
    if await manager.accounts.find(account) is None:
        return found
    try:
        async with manager.clients.use(account) as client:
            info = await client.renewal_info(leaf)
    except AcmeError as error:
        emit(Warned(f"{certificate.name}: the CA was asked when to renew: {error.message}"))
        info = None
    answered = with_ari(renewal, info) if info else without_ari(renewal, found.now)
    await manager.states.set_renewal(certificate.name, answered)
    return standing(await _fresh(manager, certificate), manager.files, found.now, next_wake)


def _accounts(manager: Manager, found: Standing) -> Iterable[str]:
    """Return the accounts to try in this run, the one that is its turn first."""
    definition = found.certificate.definition
    accounts = [definition.account or manager.settings.account, *definition.fallback_accounts]
    turn = found.state.renewal.failures // manager.settings.failover_after % len(accounts)
    return accounts[turn:] + accounts[:turn]


async def _fails_over(manager: Manager, certificate: ManagedCertificate) -> bool:
    found = standing(await _fresh(manager, certificate), manager.files, datetime.now(UTC))
    failures = found.state.renewal.failures
    return failures > 0 and failures % manager.settings.failover_after == 0


async def _try(manager: Manager, chosen: ManagedCertificate, account: str, emit: Emit) -> Renewal:
    name, names = chosen.name, _names(chosen)
    # It may have waited for its turn or for the CA for long.
    certificate = await manager.certificates.find(name)
    if certificate is None:
        return Renewal(name, "not due", names, "it is no longer managed")
    try:
        outcome = await issue(
            manager, certificate.definition, emit, account=account, clean_others=False
        )
    except AwaitingUserError as error:
        return Renewal(name, "awaiting user", names, error=error)
    except BusyError as error:
        return Renewal(name, "busy", names, error=error)
    except ZoneproofError as error:
        return Renewal(name, "failed", names, error=error)
    return Renewal(name, "renewed", names, outcome=outcome)
