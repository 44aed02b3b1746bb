"""Issues one certificate now: the order, the files, and what is remembered of it."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from zoneproof.acme import cert_id
from zoneproof.challenges.records import look_for_records
from zoneproof.core import times
from zoneproof.core.aio import in_thread
from zoneproof.core.errors import (
    AcmeError,
    AwaitingUserError,
    DeploymentError,
    HeldUpError,
    InvalidInputError,
    StorageError,
    ZoneproofError,
    unforeseen,
    ungrouped,
)
from zoneproof.issuance import Emit, FilesWritten, Issued, Warned
from zoneproof.manager.certificates.circumstances import Circumstances
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.deployment_state import TaskResult
from zoneproof.manager.certificates.deployments import deploy, run_tasks
from zoneproof.manager.certificates.file_form import form_of
from zoneproof.manager.certificates.options import Proposal
from zoneproof.manager.certificates.order import Run, place_order
from zoneproof.manager.certificates.proposal import adopt, find_pending
from zoneproof.manager.certificates.renewal_state import (
    RenewalState,
    after_failure,
    after_success,
    in_circumstances,
    of_certificate,
)
from zoneproof.manager.certificates.state import is_interrupted, lifetime_of, serial_of, state_of
from zoneproof.manager.manager import Manager

ISSUED = "issued"
FAILED = "failed"
AWAITING = "awaiting-user"
_RANDOM = random.SystemRandom()
_PARTS = ("cert", "chain")  # which fullchain.pem holds


class Outcome(msgspec.Struct, frozen=True):
    """A certificate on disk; ``account`` is the name of the CA account that it comes from.

    ``tasks`` are what came of its deployment.
    """

    name: str
    account: str
    issued: Issued
    files: list[Path]
    tasks: tuple[TaskResult, ...] = ()

    def rows(self, now: datetime) -> dict[str, str]:
        """Return what the certificate is, and the files that a server wants, by what each is."""
        chain = self.issued.chain
        return {
            "names": ", ".join(chain.names),
            "issuer": chain.issuer,
            "valid until": times.at_and_distance(chain.leaf.not_valid_after_utc, now),
            **{path.stem: str(path) for path in self.files if path.stem not in _PARTS},
        }


async def issue(
    manager: Manager,
    definition: CertificateDefinition,
    emit: Emit,
    *,
    change: Proposal | None = None,
) -> Outcome:
    """Obtain a certificate and write its files, or continue where an earlier run stopped.

    What cut-off runs for other certificates left in the DNS is removed first. What came of it is
    remembered if the certificate is stored. ``change`` is what was set aside for it, of which
    ``definition`` is a part: it is saved once it has worked, and its failure is none of what is
    stored. Raises the errors of every room below; AwaitingUserError when a person has to create
    records first; for whatever else goes wrong, what :func:`unforeseen` makes of it.
    """
    await manager.leftovers.clean_up(emit, leave=definition.name)
    with manager.home.lock(definition.name):
        return await issue_locked(manager, definition, emit, change=change)


async def resume(manager: Manager, name: str, emit: Emit) -> Outcome:
    """Continue with a certificate whose last run did not come to its end, and its change if any.

    Says which of the records that it waits for are there. Raises InvalidInputError if it waits for
    nothing, and what :func:`issue` raises.
    """
    certificate = await manager.certificates.get(name)
    if not await is_interrupted(certificate, manager.journal):
        raise InvalidInputError(
            f"{name} is not waiting for anything: 'zoneproof issue {name}' obtains a new "
            "certificate"
        )
    change = await find_pending(manager.certificates, certificate.name)
    definition = change.definition if change else certificate.definition
    methods = await manager.methods.make(definition, change.credentials if change else None)
    state = state_of(certificate)
    awaited = state.change_awaiting if change else state.awaiting
    for sighting in await look_for_records(methods.resolver, awaited):
        emit(sighting)
    return await issue(manager, definition, emit, change=change)


async def issue_locked(
    manager: Manager,
    definition: CertificateDefinition,
    emit: Emit,
    *,
    account: str = "",
    run: Run | None = None,
    change: Proposal | None,
    reason: str = "",
) -> Outcome:
    """Do what :func:`issue` does, for a caller who holds the certificate's lock.

    ``account`` is used instead of the definition's; the history keeps the ``reason``. Raises
    HeldUpError, and nothing is remembered, for what another order of the ``run`` has found to be
    down.
    """
    account = account or definition.account or manager.settings.account
    doing = f"{', '.join(definition.identifiers)} with the account {account}"
    with manager.logs.following(definition.name, doing, emit) as tell:
        try:
            outcome = await _issue_with(manager, definition, tell, account, run or Run(), change)
            await _remember_success(manager, definition, outcome, reason)
        except BaseException as error:
            await tasks_after(manager, definition, tell, error)
            raise
        return replace(outcome, tasks=await deploy(manager, definition.name, tell))


async def tasks_after(
    manager: Manager, definition: CertificateDefinition, emit: Emit, error: BaseException
) -> None:
    """Do the tasks that belong after an attempt that did not succeed."""
    when, message = ["always"], "it was ended"
    if isinstance(error, ZoneproofError):
        message = error.message
        if not isinstance(error, AwaitingUserError | HeldUpError):
            when.append("failed")
    with suppress(DeploymentError, StorageError):  # which would hide what went wrong first
        await run_tasks(manager, definition, emit, when, "failed", message)


async def _issue_with(
    manager: Manager,
    definition: CertificateDefinition,
    emit: Emit,
    account: str,
    run: Run,
    change: Proposal | None,
) -> Outcome:
    before = await manager.circumstances(definition)
    try:
        with ungrouped():
            outcome = await _obtain(manager, definition, account, emit, run, before, change)
    except HeldUpError:
        raise
    except AwaitingUserError as error:
        if change:
            is_new = await manager.states.set_change_awaiting(definition.name, error.records)
        else:
            facts = await _circumstances(manager, definition, before)
            is_new = await manager.states.set_awaiting(definition.name, error.records, facts)
        if is_new:
            await manager.history.add(definition.name, AWAITING, error.message)
        saved = await manager.certificates.find(definition.name)
        again = f"run 'zoneproof resume {definition.name}'" if saved else "run this again"
        raise AwaitingUserError(
            f"{error.message}; then {again}",
            records=error.records,
            certificate=definition.name if saved else "",
        ) from error
    except ZoneproofError as error:
        with suppress(StorageError):  # which would hide what went wrong first
            again_at = await _remember_failure(manager, definition, account, error, before, change)
            run.outages.remember(definition.name, again_at)
        raise
    except Exception as error:  # so that the other certificates are renewed all the same
        bug = unforeseen(error)
        with suppress(StorageError):
            await _remember_failure(manager, definition, account, bug, before, change)
        raise bug from error
    return outcome


async def _obtain(
    manager: Manager,
    definition: CertificateDefinition,
    account: str,
    emit: Emit,
    run: Run,
    before: Circumstances,
    change: Proposal | None,
) -> Outcome:
    name = definition.name
    await run_tasks(manager, definition, emit, ["before"], "before")
    found = await manager.certificates.find(name)
    renewal = state_of(found).renewal if found else RenewalState()
    manager.files.repair(name)
    form = await form_of(manager, definition, change.pkcs12_password if change else None)
    written: list[Path] = []

    async def deliver(issued: Issued) -> None:
        # In a thread, because each file waits for the disk, and other orders need not.
        written.extend(await in_thread(manager.files.write, name, issued, form))
        if change and not await adopt(manager, change):
            emit(Warned(f"{name} was changed in the meantime, and that change is kept"))
        files = tuple(path.name for path in written)
        emit(FilesWritten(str(manager.files.live(name)), files))

    awaited = state_of(found).awaiting if found else ()

    async def on_complete() -> None:
        if awaited:
            await manager.states.set_no_cname_awaited(name)

    issued = await place_order(
        manager,
        name,
        definition,
        account,
        emit,
        deliver,
        on_complete=on_complete,
        private_key=_kept_key(manager, definition, renewal),
        replaces=_replaces(manager, name, account, renewal),
        unsaved=change.credentials if change else None,
        run=run,
        failures=in_circumstances(renewal, before.of(definition)).failures,
    )
    return Outcome(name, account, issued, written)


def _kept_key(
    manager: Manager, definition: CertificateDefinition, renewal: RenewalState
) -> bytes | None:
    """Return the key (PEM) to use again. That of a revoked certificate may be known to others."""
    serial = serial_of(manager.files.read(definition.name))
    if not definition.reuse_key or of_certificate(renewal, serial).revoked_at:
        return None
    return manager.files.private_key(definition.name)


def _replaces(manager: Manager, name: str, account: str, renewal: RenewalState) -> str | None:
    """Return the ARI identifier of the certificate that this one is for, if the CA issued it."""
    certificate = manager.files.read(name).certificate
    if certificate and renewal.account == account:
        with suppress(AcmeError):
            return cert_id(certificate)
    return None


async def _remember_success(
    manager: Manager, definition: CertificateDefinition, outcome: Outcome, reason: str
) -> None:
    leaf = outcome.issued.chain.leaf
    found = await manager.certificates.find(outcome.name)
    before = state_of(found).renewal if found else RenewalState()
    now = datetime.now(UTC)
    renewal = after_success(
        before,
        f"{leaf.serial_number:x}",
        now,
        identifiers=definition.identifiers,
        account=outcome.account,
        definition=definition.fingerprint,
    )
    await manager.states.set_outcome(outcome.name, renewal)
    await manager.history.add(
        outcome.name,
        ISSUED,
        f"by {outcome.issued.chain.issuer} with the account {outcome.account}, valid until"
        f" {times.at(leaf.not_valid_after_utc)}{f' ({reason})' if reason else ''}",
    )


async def _remember_failure(
    manager: Manager,
    definition: CertificateDefinition,
    account: str,
    error: ZoneproofError,
    before: Circumstances,
    change: Proposal | None,
) -> datetime | None:
    """Return when the next attempt is due; None for what is not stored."""
    name = definition.name
    found = await manager.certificates.find(name)
    if found is None:
        return None
    if change:
        await manager.history.add(name, FAILED, f"with a change of it: {error.message}")
        return None
    facts = await _circumstances(manager, definition, before)
    after = after_failure(
        in_circumstances(state_of(found).renewal, facts),
        error,
        datetime.now(UTC),
        _RANDOM,
        lifetime=lifetime_of(manager.files.read(name)),
        circumstances=facts,
        delegations=await manager.delegations_of(definition),
        files=await manager.files_of(definition),
    )
    await manager.states.set_outcome(name, after)
    await manager.history.add(name, FAILED, f"with the account {account}: {error.message}")
    return after.next_attempt_at


async def _circumstances(
    manager: Manager, definition: CertificateDefinition, before: Circumstances
) -> str:
    """Return those of an attempt: what was there ``before``, and the account that it made."""
    after = await manager.circumstances(definition)
    return replace(before, accounts=after.accounts).of(definition)
