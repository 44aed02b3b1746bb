"""Renews the certificates that are due, many at once, and tells what came of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime

import msgspec
from cryptography import x509
from msgspec.structs import replace

from zoneproof.acme import RenewalInfo
from zoneproof.core.aio import Slots, all_at_once
from zoneproof.core.errors import (
    AcmeError,
    AwaitingUserError,
    BusyError,
    HeldUpError,
    StorageError,
    ZoneproofError,
    unforeseen,
)
from zoneproof.core.text import printable
from zoneproof.issuance import Emit, Warned
from zoneproof.manager.certificates.circumstances import Circumstances
from zoneproof.manager.certificates.deployment_state import TaskResult
from zoneproof.manager.certificates.deployments import DEPLOYED, NOT_DEPLOYED, deploy
from zoneproof.manager.certificates.file_form import follow_settings
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.issue import Outcome, issue_locked
from zoneproof.manager.certificates.last_run import note_run
from zoneproof.manager.certificates.lost import require_not_lost
from zoneproof.manager.certificates.options import Proposal
from zoneproof.manager.certificates.order import Run
from zoneproof.manager.certificates.outages import Needs, sites_of
from zoneproof.manager.certificates.proposal import find_pending
from zoneproof.manager.certificates.renewal_state import (
    LOOK_EVERY,
    Lifetime,
    with_ari,
    without_ari,
    without_failures,
)
from zoneproof.manager.certificates.schedule import ari_question_due
from zoneproof.manager.certificates.state import CertificateStatus, status_of
from zoneproof.manager.certificates.store import (
    Certificates,
    DamagedCertificate,
    ManagedCertificate,
)
from zoneproof.manager.home import allow_many_files
from zoneproof.manager.manager import Manager

EmitFor = Callable[[str], Emit]
_BEGUN = 25  # certificates for each that is worked on; the rest of them wait for something
_ADVICE = "renewal information"
_CHANGE = "its change waited for records"


class Renewal(msgspec.Struct, frozen=True):
    """What came of one certificate.

    ``result`` is ``renewed``, ``deployed`` (it was not due, and what was left to do with it is
    done), ``not due``, ``not deployed`` (but renewed, or not due), ``failed``, ``awaiting user`` or
    ``busy`` (another process works on it); ``error`` is there for the last three, ``reason`` says
    why it was due, and ``tasks`` are what came of its deployment. A HeldUpError tells that it
    failed with another one, for what both need, and was not tried. ``lifetime`` is that of the
    certificate that is there now, None for none. ``look_again_at`` is when something may have to
    be done next.
    """

    name: str
    result: str
    identifiers: tuple[str, ...]
    reason: str = ""
    lifetime: Lifetime | None = None
    outcome: Outcome | None = None
    error: ZoneproofError | None = None
    tasks: tuple[TaskResult, ...] = ()
    look_again_at: tuple[datetime | None, ...] = ()

    def as_fields(self) -> dict[str, object]:
        """Return what came of it for programs."""
        return {
            "certificate": self.name,
            "result": self.result,
            "reason": self.reason,
            "error": self.error.message if self.error else "",
            "tasks": self.tasks,
            "records": self.error.records if self.error else (),
        }

    @property
    def failed(self) -> bool:
        """Whether something went wrong, or has to be done first."""
        return self.error is not None or self.result == NOT_DEPLOYED

    @property
    def text(self) -> str:
        """What came of it in a line."""
        why = printable(self.error.message) if self.error else self.reason
        if self.result in (DEPLOYED, NOT_DEPLOYED):
            why = printable(self.deployment)
        return f"{self.name}: {self.result} ({why.removeprefix(f'{self.result}: ')})"

    @property
    def deployment(self) -> str:
        """What came of its tasks, in a line: those that failed, else all."""
        told = [task for task in self.tasks if not task.ok] or self.tasks
        return "; ".join(f"{task.task}: {task.text}" for task in told)


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

    Without names the files are first brought to the group and mode of the settings.

    ``force`` renews them whether due or not, paused or not. ``next_wake`` is when the caller looks
    again, in an hour if it does not know. ``on_result`` hears of each as soon as it is done. Never
    raises for a single certificate, nor for one that is removed meanwhile, or whose stored state
    or definition cannot be read. Raises InvalidInputError for an unknown name, StorageError.

    As many as the settings say are worked on at once; those that wait for the DNS, for the CA or
    for their turn do not count. What one finds to be down is not tried with the others.
    """
    many = nullcontext() if names else manager.files.reading_many(save=True)
    with many:
        circumstances = await manager.circumstances()
        if names:
            chosen = await choose(manager.certificates, names)
            await _reach_as_said(manager, chosen)
        else:
            stored = await manager.certificates.each()
            await follow_settings(manager, stored, emit_for)
            chosen = [
                one
                for one in stored
                if _is_to_be_renewed(one) or _is_left(one, manager.files, circumstances)
            ]
        if not chosen:
            await require_not_lost(manager.certificates, manager.history, manager.files)
        if not names:
            note_run(manager.home)
        await manager.leftovers.clean_up(emit_for(""))
        allow_many_files()  # a lock for each that is begun
        slots = Slots(manager.settings.parallel)
        renewals = _Renewals(
            manager,
            circumstances,
            Run(slots=slots),
            bool(names),
            force,
            next_wake or datetime.now(UTC) + LOOK_EVERY,
        )

        async def one(found: ManagedCertificate | DamagedCertificate) -> Renewal:
            try:
                async with slots.work():
                    result = await renewals.renew(found, emit_for(found.name))
            except ZoneproofError as error:  # with what is stored of it
                result = Renewal(found.name, "failed", _names(found), error=error)
            except Exception as error:  # noqa: BLE001  it must not keep the others from renewal
                result = Renewal(found.name, "failed", _names(found), error=unforeseen(error))
            if on_result:
                on_result(result)
            return result

        return await all_at_once(map(one, chosen), _BEGUN * manager.settings.parallel)


async def choose(
    certificates: Certificates, names: Sequence[str]
) -> list[ManagedCertificate | DamagedCertificate]:
    """Return the named certificates, by default all that are to be renewed.

    Raises InvalidInputError for an unknown name, StorageError.
    """
    if names:
        return [await certificates.look_up(name) for name in dict.fromkeys(names)]
    return [one for one in await certificates.each() if _is_to_be_renewed(one)]


async def _reach_as_said(
    manager: Manager, chosen: Sequence[ManagedCertificate | DamagedCertificate]
) -> None:
    """Reach the CAs as the run's terms say, if they do, also of certificates that are not due."""
    if manager.run.terms.ca_bundle or manager.run.terms.allow_http:
        certificates = [one for one in chosen if isinstance(one, ManagedCertificate)]
        accounts = [one.definition.account or manager.settings.account for one in certificates]
        for account in dict.fromkeys(accounts):
            await manager.clients.reach(account)


class _Renewals(msgspec.Struct, frozen=True):
    """The renewals of one run. ``circumstances`` are those with which it began."""

    manager: Manager
    circumstances: Circumstances
    run: Run
    named: bool
    force: bool
    next_wake: datetime

    async def renew(self, chosen: ManagedCertificate | DamagedCertificate, emit: Emit) -> Renewal:
        """Look at one certificate, and renew it if it is due."""
        if isinstance(chosen, DamagedCertificate):
            raise chosen.error
        if not (self.named or chosen.definition.renew):
            return await self._deploy_only(chosen, emit)
        now = datetime.now(UTC)
        found = status_of(
            chosen, self.manager.files, now, self.next_wake, circumstances=self.circumstances
        )
        reason = "asked for" if self.force else ""
        if not (reason or found.due.now):
            reason = await self._news(found)
        if not (reason or found.due.now):
            found = await self._ask_ca(found, emit)
        if not (reason or found.due.now or found.tasks_are_due or found.change_awaiting):
            return _not_due(found)
        try:
            with self.manager.home.lock(chosen.name):
                # Another process may have renewed or removed it before it was ours.
                certificate = await self.manager.certificates.find(chosen.name)
                if certificate is None:
                    return Renewal(
                        chosen.name, "not due", _names(chosen), "it is no longer managed"
                    )
                found = await self._look(certificate, self.next_wake)
                is_due = bool(reason or found.due.now)
                if not is_due and (found.tasks_are_due or not found.change_awaiting):
                    return await self._deploy(found, emit)
                changed = await self._try_change(found, emit)
                if changed and (changed.outcome or not is_due):
                    result, reason = changed, _CHANGE
                elif is_due:
                    result = await self._renew_locked(found, emit, reason or found.due.reason)
                else:
                    return _not_due(found)
        except BusyError as error:
            result = Renewal(chosen.name, "busy", _names(chosen), error=error)
        after = await self._look(found.certificate)
        return _with_standing(replace(result, reason=reason or found.due.reason), after)

    async def _look(
        self, certificate: ManagedCertificate, next_wake: datetime | None = None
    ) -> CertificateStatus:
        """Return how the certificate stands by now, or stood if it is no more."""
        fresh = await self.manager.certificates.find(certificate.name) or certificate
        return status_of(
            fresh,
            self.manager.files,
            datetime.now(UTC),
            next_wake,
            circumstances=await self.manager.circumstances(fresh.definition),
        )

    async def _deploy_only(self, chosen: ManagedCertificate, emit: Emit) -> Renewal:
        """Do what is left to do with a certificate that is not to be renewed."""
        try:
            with self.manager.home.lock(chosen.name):
                return await self._deploy(await self._look(chosen), emit)
        except BusyError as error:
            return Renewal(chosen.name, "busy", _names(chosen), error=error)

    async def _deploy(self, found: CertificateStatus, emit: Emit) -> Renewal:
        """Do what is left to do with a certificate that is not due; its lock is held."""
        result = _not_due(found)
        if not found.tasks_are_due:
            return result
        with self.manager.logs.following(result.name, "deploying what is left", emit) as tell:
            tasks = await deploy(self.manager, result.name, tell, late=True)
        after = await self._look(found.certificate)
        return _with_standing(_with_tasks(result, tasks), after)

    async def _news(self, found: CertificateStatus) -> str:
        """Say whether files or CNAMEs are others than when it failed, empty if not.

        Then what failed is forgotten.
        """
        renewal, definition = found.state.renewal, found.certificate.definition
        if not renewal.failures or renewal.paused:
            return ""
        reason = ""
        if renewal.files and await self.manager.files_of(definition) not in ("", renewal.files):
            reason = "a file that it uses is another one than when it failed"
        elif renewal.delegations:
            seen = await self.manager.delegations_of(definition)
            if seen not in ("", renewal.delegations):
                reason = "its challenge names lead elsewhere than when it failed"
        if reason:
            await self.manager.states.set_renewal(definition.name, without_failures(renewal))
        return reason

    async def _ask_ca(self, found: CertificateStatus, emit: Emit) -> CertificateStatus:
        """Ask the CA when to renew (RFC 9773) if it is time to, and judge again."""
        certificate, renewal, leaf = found.certificate, found.state.renewal, found.disk.certificate
        account = renewal.account or certificate.definition.account or self.manager.settings.account
        if leaf is None or not ari_question_due(renewal, found.now):
            return found
        info = None
        try:
            if await self.manager.accounts.find(account) is None:
                return found
            info = await self._renewal_info(certificate, account, leaf)
        except AcmeError as error:
            emit(Warned(f"{certificate.name}: asking the CA when to renew failed: {error.message}"))
        except HeldUpError:
            pass  # which the other one has told of
        answered = with_ari(renewal, info) if info else without_ari(renewal, found.now)
        await self.manager.states.set_renewal(certificate.name, answered)
        return await self._look(certificate, self.next_wake)

    async def _renewal_info(
        self, certificate: ManagedCertificate, account: str, leaf: x509.Certificate
    ) -> RenewalInfo | None:
        stored = await self.manager.accounts.get(account)
        sites = sites_of(certificate.definition)
        needs = Needs(certificate.name, account, stored.directory_url, sites)
        self.run.outages.require_none(needs)
        # What does not answer this question may well issue.
        with self.run.outages.watching(replace(needs, aspect=_ADVICE)):
            async with self.manager.clients.use(account) as client:
                return await client.renewal_info(leaf)

    async def _renew_locked(self, found: CertificateStatus, emit: Emit, reason: str) -> Renewal:
        """Try one account after the other; the caller holds the certificate's lock."""
        accounts = self._accounts(found)
        for tried, account in enumerate(accounts, 1):
            result = await self._try(found.certificate, account, emit, reason)
            failed = result.result == "failed" and tried < len(accounts)
            if not failed or not await self._fails_over(result, found):
                break
            emit(Warned(f"{result.name}: {result.error}; trying the next account"))
        return result

    def _accounts(self, found: CertificateStatus) -> list[str]:
        """Return the accounts to try in this run, the one that is its turn first."""
        definition, settings = found.certificate.definition, self.manager.settings
        accounts = [definition.account or settings.account, *definition.fallback_accounts]
        turn = found.state.renewal.failures // settings.failover_after % len(accounts)
        return accounts[turn:] + accounts[:turn]

    async def _fails_over(self, result: Renewal, found: CertificateStatus) -> bool:
        if isinstance(result.error, HeldUpError):
            failures = result.error.failures
        else:
            failures = (await self._look(found.certificate)).state.renewal.failures
        return failures > 0 and failures % self.manager.settings.failover_after == 0

    async def _try_change(self, found: CertificateStatus, emit: Emit) -> Renewal | None:
        """Try the pending change that waits for records; None if there is none.

        What is saved stays until it has worked.
        """
        name = found.certificate.name
        if not found.change_awaiting:
            return None
        try:
            change = await find_pending(self.manager.certificates, name)
        except ZoneproofError as error:  # the saved definition may work all the same
            emit(Warned(f"{name}: {error.message}"))
            return None
        return await self._try(found.certificate, "", emit, _CHANGE, change) if change else None

    async def _try(
        self,
        certificate: ManagedCertificate,
        account: str,
        emit: Emit,
        reason: str,
        change: Proposal | None = None,
    ) -> Renewal:
        name, names = certificate.name, _names(certificate)
        definition = change.definition if change else certificate.definition
        try:
            outcome = await issue_locked(
                self.manager,
                definition,
                emit,
                account=account,
                run=self.run,
                change=change,
                reason=reason,
            )
        except AwaitingUserError as error:
            return Renewal(name, "awaiting user", names, error=error)
        except ZoneproofError as error:
            return Renewal(name, "failed", names, error=error)
        return _with_tasks(Renewal(name, "renewed", names, outcome=outcome), outcome.tasks)


def _not_due(found: CertificateStatus) -> Renewal:
    certificate = found.certificate
    result = Renewal(certificate.name, "not due", _names(certificate), found.due.reason)
    return _with_standing(result, found)


def _with_tasks(result: Renewal, tasks: tuple[TaskResult, ...]) -> Renewal:
    word = result.result
    if not all(task.ok for task in tasks):
        word = NOT_DEPLOYED
    elif tasks and word != "renewed":
        word = DEPLOYED
    return replace(result, result=word, tasks=tasks)


def _is_left(
    found: ManagedCertificate | DamagedCertificate,
    files: CertificateFiles,
    circumstances: Circumstances,
) -> bool:
    """Tell whether one that is not renewed has a task to do now, or cannot say so."""
    if isinstance(found, DamagedCertificate) or not found.definition.deploy:
        return False
    try:
        now = datetime.now(UTC)
        return status_of(found, files, now, circumstances=circumstances).tasks_are_due
    except StorageError:  # which its turn tells
        return True


def _is_to_be_renewed(found: ManagedCertificate | DamagedCertificate) -> bool:
    return isinstance(found, DamagedCertificate) or found.definition.renew


def _names(found: ManagedCertificate | DamagedCertificate) -> tuple[str, ...]:
    return found.definition.identifiers if isinstance(found, ManagedCertificate) else ()


def _with_standing(result: Renewal, found: CertificateStatus) -> Renewal:
    moments = [found.due.at, found.state.renewal.ask_again_at]
    if result.result == "awaiting user":  # which may take days, so the hourly look is enough
        moments = []
    elif isinstance(result.error, HeldUpError):  # no sooner than who found out
        moments = [result.error.again_at]
    moments += [task.next_attempt_at for task in found.left.values()]
    return replace(result, lifetime=found.lifetime, look_again_at=tuple(moments))
