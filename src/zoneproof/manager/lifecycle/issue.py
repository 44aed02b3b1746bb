"""Issues one certificate now: the order, the files, and what is remembered of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from zoneproof import moments
from zoneproof.acme import AcmeClient, cert_id, directory_url
from zoneproof.errors import (
    AcmeError,
    AwaitingUserError,
    BugError,
    BusyError,
    InvalidInputError,
    StorageError,
    ZoneproofError,
    ungrouped,
)
from zoneproof.issuance import (
    Emit,
    FilesWritten,
    Issued,
    OrderRequest,
    OrderRun,
    Warned,
    look_for_records,
    make_plan,
    remove_leftovers,
)
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.renewal_state import (
    RenewalState,
    after_failure,
    after_success,
    of_certificate,
)
from zoneproof.manager.certificates.state import lifetime_of, serial_of, state_of
from zoneproof.manager.certificates.stored import ManagedCertificate
from zoneproof.manager.credentials.stored import Credential
from zoneproof.manager.manager import Manager

ISSUED = "issued"
FAILED = "failed"
AWAITING = "awaiting-user"
_RANDOM = random.SystemRandom()


@dataclass(frozen=True)
class Outcome:
    """A certificate on disk; ``account`` is the name of the CA account that it comes from."""

    name: str
    account: str
    issued: Issued
    files: list[Path]


async def issue(manager: Manager, definition: CertificateDefinition, emit: Emit) -> Outcome:
    """Obtain a certificate and write its files, or go on where an earlier run stopped.

    What cut-off runs for other certificates left in the DNS is removed first. What came of it is
    remembered if the certificate is stored. Raises the errors of every room below;
    AwaitingUserError when a person has to create records first; BugError for whatever else goes
    wrong.
    """
    await clean_up(manager, emit, leave=definition.name)
    with manager.home.lock(definition.name):
        return await issue_locked(manager, definition, emit)


async def resume(manager: Manager, name: str, emit: Emit) -> Outcome:
    """Go on with a certificate that waits for a person; says which of the records are there.

    Raises InvalidInputError if it waits for nothing, and what :func:`issue` raises.
    """
    certificate = await manager.certificates.get(name)
    if not await is_interrupted(manager, certificate):
        raise InvalidInputError(
            f"{name} waits for nothing: 'zoneproof issue {name}' obtains a new certificate"
        )
    methods = await manager.methods.make(certificate.definition)
    for sighting in await look_for_records(methods.resolver, state_of(certificate).awaiting):
        emit(sighting)
    return await issue(manager, certificate.definition, emit)


async def issue_locked(
    manager: Manager, definition: CertificateDefinition, emit: Emit, *, account: str = ""
) -> Outcome:
    """Do what :func:`issue` does, for a caller who holds the certificate's lock.

    ``account`` is used instead of the definition's.
    """
    account = account or definition.account or manager.settings.account
    doing = f"{', '.join(definition.identifiers)} with the account {account}"
    with manager.logs.following(definition.name, doing, emit) as tell:
        return await _issue_with(manager, definition, tell, account)


async def _issue_with(
    manager: Manager, definition: CertificateDefinition, emit: Emit, account: str
) -> Outcome:
    try:
        with ungrouped():
            outcome = await _obtain(manager, definition, account, emit)
    except AwaitingUserError as error:
        if await manager.states.set_awaiting(definition.name, error.records):
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
            await _remember_failure(manager, definition, account, error)
        raise
    except Exception as error:  # so that the other certificates are renewed all the same
        bug = BugError.of(error)
        with suppress(StorageError):
            await _remember_failure(manager, definition, account, bug)
        raise bug from error
    await _remember_success(manager, definition, outcome)
    return outcome


async def _obtain(
    manager: Manager,
    definition: CertificateDefinition,
    account: str,
    emit: Emit,
) -> Outcome:
    name = definition.name
    manager.files.repair(name)
    password = await manager.certificates.pkcs12_password(name) if definition.pkcs12 else None
    written: list[Path] = []

    async def deliver(issued: Issued) -> None:
        # In a thread, because each file waits for the disk, and other orders need not.
        writing = asyncio.create_task(
            asyncio.to_thread(manager.files.write, name, issued, pkcs12_password=password)
        )
        try:
            written.extend(await asyncio.shield(writing))
        finally:
            await asyncio.wait([writing])  # to its end, as long as the lock is ours
        files = tuple(path.name for path in written)
        emit(FilesWritten(str(manager.files.live(name)), files))

    issued = await place_order(
        manager,
        name,
        definition,
        account,
        emit,
        deliver,
        private_key=await _kept_key(manager, definition),
        replaces=await _replaces(manager, name, account),
    )
    return Outcome(name, account, issued, written)


async def place_order(
    manager: Manager,
    journal_name: str,
    definition: CertificateDefinition,
    account: str,
    emit: Emit,
    deliver: Callable[[Issued], Awaitable[None]],
    *,
    private_key: bytes | None = None,
    replaces: str | None = None,
    unsaved: Mapping[str, Credential] | None = None,
) -> Issued:
    """Order what the definition says, and ``deliver`` it; the caller holds the order's lock.

    The journal knows the order as ``journal_name``, which is the lock's name, too. ``private_key``
    (PEM) is used again if it is of the wanted kind, ``replaces`` is an ARI identifier, and
    ``unsaved`` credentials win over stored ones.
    """
    # Finding it refuses what is neither an account nor a CA.
    stored = await manager.accounts.find(account)
    methods = await manager.methods.make(definition, unsaved)
    plan = await make_plan(
        definition.parsed_identifiers,
        methods.choose,
        methods.resolver,
        register=True,
        directory_url=stored.directory_url if stored else directory_url(account),
        profile=definition.wanted_profile,
    )
    plan.require_complete()
    async with manager.clients.use(account) as client:
        run = OrderRun(
            client, manager.journal, methods.resolver, manager.providers.for_publication, emit
        )
        return await run.obtain(
            OrderRequest(
                journal_name,
                plan,
                key_type=definition.key_type,
                private_key=private_key,
                csr=definition.given_csr,
                profile=await _profile(client, definition, account, emit),
                preferred_chain=definition.preferred_chain,
                replaces=replaces,
                order_seconds=manager.run.order_seconds,
                ignore_caa=definition.ignore_caa,
            ),
            deliver,
        )


async def _kept_key(manager: Manager, definition: CertificateDefinition) -> bytes | None:
    """Return the key (PEM) to use again. That of a revoked certificate may be known to others."""
    name = definition.name
    if not definition.reuse_key:
        return None
    found = await manager.certificates.find(name)
    serial = serial_of(manager.files.read(name))
    if found and of_certificate(state_of(found).renewal, serial).revoked_at:
        return None
    return manager.files.private_key(name)


async def _profile(
    client: AcmeClient, definition: CertificateDefinition, account: str, emit: Emit
) -> str:
    """Return the profile, which the CA need not have if it is preferred or a fallback's."""
    profile = definition.wanted_profile
    if profile and (not definition.profile or account in definition.fallback_accounts):
        directory = await client.directory()
        if profile not in directory.profiles:
            emit(Warned(f"{client.directory_url} has no profile '{profile}': ordering without"))
            return ""
    return profile


async def _replaces(manager: Manager, name: str, account: str) -> str | None:
    """Return the ARI identifier of the certificate that this one is for, if the CA issued it."""
    found = await manager.certificates.find(name)
    disk = manager.files.read(name)
    if found is None or disk.certificate is None:
        return None
    state = state_of(found)
    if state.renewal.account != account:
        return None
    with suppress(AcmeError):
        return cert_id(disk.certificate)
    return None


async def _remember_success(
    manager: Manager, definition: CertificateDefinition, outcome: Outcome
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
        f" {moments.at(leaf.not_valid_after_utc)}",
    )


async def _remember_failure(
    manager: Manager, definition: CertificateDefinition, account: str, error: ZoneproofError
) -> None:
    name = definition.name
    found = await manager.certificates.find(name)
    if found is None:
        return
    before = state_of(found).renewal
    lifetime = lifetime_of(manager.files.read(name))
    now = datetime.now(UTC)
    after = after_failure(before, error, now, _RANDOM, lifetime=lifetime)
    await manager.states.set_outcome(name, after)
    await manager.history.add(name, FAILED, f"with the account {account}: {error.message}")


async def is_interrupted(manager: Manager, certificate: ManagedCertificate) -> bool:
    """Tell whether the certificate waits for a person, or has an order that can go on."""
    state = state_of(certificate)
    return bool(state.awaiting or await manager.journal.open_orders(certificate.name))


async def clean_up(manager: Manager, emit: Emit, *, leave: str = "") -> None:
    """Remove from the DNS what runs that were cut off left there.

    Certificates that another process is working on are left alone, and so is ``leave``. What goes
    wrong is told.
    """
    for name in await manager.journal.certificates_to_clean():
        if name == leave:
            continue
        try:
            with manager.home.lock(name):
                await remove_leftovers(
                    manager.journal, name, manager.providers.for_publication, emit
                )
        except BusyError:
            continue
        except ZoneproofError as error:
            emit(Warned(f"{name}: {error}; the next run tries again"))
