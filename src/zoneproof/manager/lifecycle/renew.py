"""Renews the certificates that are due, many at once, and tells what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from zoneproof.errors import AcmeError, AwaitingUserError, BusyError, ZoneproofError
from zoneproof.issuance import Emit, Warned
from zoneproof.issuance.concurrent import all_at_once
from zoneproof.manager.certificates.renewal_state import LOOK_EVERY, Lifetime, with_ari, without_ari
from zoneproof.manager.certificates.schedule import ari_question_due
from zoneproof.manager.certificates.state import Standing, standing
from zoneproof.manager.certificates.stored import DamagedCertificate, ManagedCertificate
from zoneproof.manager.lifecycle.issue import Outcome, clean_up, issue_locked
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
    raises for a single certificate, nor for one that is removed meanwhile, or whose stored state
    or definition cannot be read. Raises InvalidInputError for an unknown name, StorageError.
    """
    chosen = await choose(manager, names)
    await clean_up(manager, emit_for(""))

    async def one(found: ManagedCertificate | DamagedCertificate) -> Renewal:
        try:
            result = await _renew_one(manager, found, emit_for, force, next_wake)
        except ZoneproofError as error:  # with what is stored of it
            result = Renewal(found.name, "failed", _names(found), error=error)
        if on_result:
            on_result(result)
        return result

    return await all_at_once(map(one, chosen), manager.settings.parallel)


async def choose(
    manager: Manager, names: Sequence[str]
) -> list[ManagedCertificate | DamagedCertificate]:
    """Return the named certificates, by default all that are to be renewed.

    Raises InvalidInputError for an unknown name, StorageError.
    """
    if names:
        return [await manager.certificates.look_up(name) for name in dict.fromkeys(names)]
    return [one for one in await manager.certificates.each() if _is_to_be_renewed(one)]


async def _renew_one(
    manager: Manager,
    chosen: ManagedCertificate | DamagedCertificate,
    emit_for: EmitFor,
    force: bool,
    next_wake: datetime | None,
) -> Renewal:
    if isinstance(chosen, DamagedCertificate):
        raise chosen.error
    name, emit = chosen.name, emit_for(chosen.name)
    now = datetime.now(UTC)
    next_wake = next_wake or now + LOOK_EVERY
    found = standing(chosen, manager.files, now, next_wake)
    if not (force or found.due.now):
        found = await _ask_ca(manager, found, next_wake, emit)
    if not (force or found.due.now):
        return _not_due(found)
    try:
        with manager.home.lock(name):
            # Another process may have renewed or removed it before it was ours.
            certificate = await manager.certificates.find(name)
            if certificate is None:
                return Renewal(name, "not due", _names(chosen), "it is no longer managed")
            found = standing(certificate, manager.files, datetime.now(UTC), next_wake)
            if not (force or found.due.now):
                return _not_due(found)
            result = await _renew_locked(manager, found, emit)
    except BusyError as error:
        result = Renewal(name, "busy", _names(chosen), error=error)
    reason = "asked for" if force else found.due.reason
    after = standing(await _fresh(manager, found.certificate), manager.files, datetime.now(UTC))
    return _with_standing(replace(result, reason=reason), after)


async def _renew_locked(manager: Manager, found: Standing, emit: Emit) -> Renewal:
    """Try one account after the other; the caller holds the certificate's lock."""
    for account in _accounts(manager, found):
        result = await _try(manager, found.certificate, account, emit)
        if result.result != "failed" or not await _fails_over(manager, found.certificate):
            break
        emit(Warned(f"{result.name}: {result.error}; trying the next account"))
    return result


def _not_due(found: Standing) -> Renewal:
    certificate = found.certificate
    result = Renewal(certificate.name, "not due", _names(certificate), found.due.reason)
    return _with_standing(result, found)


def _is_to_be_renewed(found: ManagedCertificate | DamagedCertificate) -> bool:
    return isinstance(found, DamagedCertificate) or found.definition.renew


async def _fresh(manager: Manager, certificate: ManagedCertificate) -> ManagedCertificate:
    """Return the certificate as it is stored now, or as it was if it is no more."""
    return await manager.certificates.find(certificate.name) or certificate


def _names(found: ManagedCertificate | DamagedCertificate) -> tuple[str, ...]:
    return found.definition.identifiers if isinstance(found, ManagedCertificate) else ()


def _with_standing(result: Renewal, found: Standing) -> Renewal:
    moments: tuple[datetime | None, ...] = (found.due.at, found.state.renewal.ask_again_at)
    if result.result == "awaiting user":  # which may take days, so the hourly look is enough
        moments = ()
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


async def _try(
    manager: Manager, certificate: ManagedCertificate, account: str, emit: Emit
) -> Renewal:
    name, names = certificate.name, _names(certificate)
    try:
        outcome = await issue_locked(manager, certificate.definition, emit, account=account)
    except AwaitingUserError as error:
        return Renewal(name, "awaiting user", names, error=error)
    except ZoneproofError as error:
        return Renewal(name, "failed", names, error=error)
    return Renewal(name, "renewed", names, outcome=outcome)
