"""A definition that is to be a certificate's: made of names and options, checked, and saved.

One that replaces a definition that works is kept aside until it has worked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from zoneproof.core.errors import (
    BusyError,
    InvalidInputError,
    InvalidNameError,
    NoDnsMethodError,
    StorageError,
    VaultError,
)
from zoneproof.core.names import DomainName, Identifier
from zoneproof.issuance import Emit, Warned
from zoneproof.manager.certificates.checks import DefinitionChecks
from zoneproof.manager.certificates.defined_tasks import new_task_problems
from zoneproof.manager.certificates.definition import (
    CertificateDefinition,
    default_name,
    unused_rules,
)
from zoneproof.manager.certificates.file_form import reshaped
from zoneproof.manager.certificates.method_advice import method_advice, zone_advice
from zoneproof.manager.certificates.options import CertificateOptions, Proposal
from zoneproof.manager.certificates.refusals import refusals, require_orderable
from zoneproof.manager.certificates.removal import give_up_other_orders
from zoneproof.manager.certificates.state import CertificateState, lifetime_of
from zoneproof.manager.certificates.store import Certificates
from zoneproof.manager.certificates.written_files import WrittenFiles
from zoneproof.manager.credentials.store import Credentials
from zoneproof.manager.manager import Manager
from zoneproof.storage import Transaction


class NamesDroppedError(InvalidInputError):
    """A ``certificate`` would lose names, and nothing says that it is the one that is meant."""

    def __init__(self, certificate: str, dropped: Sequence[str]) -> None:
        names = ", ".join(dropped)
        self.certificate = certificate
        self.what = f"{names} would be dropped from the certificate {certificate}"
        super().__init__(
            f"{self.what}: name {'it' if len(dropped) == 1 else 'them'}, too, or agree with --name"
            f" {certificate}, or give a new certificate another --name"
        )


async def define(
    manager: Manager, names: Sequence[str], certificate: str, options: CertificateOptions
) -> tuple[Proposal, CertificateDefinition | None]:
    """Return the definition that names and options mean, and the stored one, None for none.

    The name of a stored certificate, alone, means that certificate; otherwise the names are the
    identifiers of a new one, or those that a stored one has from now on. ``certificate`` is its
    name, by default its first identifier. Raises NamesDroppedError where a stored one would lose
    names and was not named by ``certificate``, and InvalidInputError; where nothing says how the
    names are validated, it tells at which providers they are.
    """
    wanted, before = await _defined(manager, names, certificate, options)
    if before and not certificate:
        kept = wanted.definition.identifiers
        if dropped := [name for name in before.identifiers if name not in kept]:
            raise NamesDroppedError(before.name, dropped)
        _require_covered(wanted.definition, names, options)
    return wanted, before


def _require_covered(
    definition: CertificateDefinition, names: Sequence[str], options: CertificateOptions
) -> None:
    """Raise InvalidInputError for a domain that is to be validated and is only its name."""
    with contextlib.suppress(InvalidNameError):
        for name in [Identifier.parse(name).value for name in names]:
            if options.say_method and name not in definition.identifiers:
                raise InvalidInputError(
                    f"the certificate {definition.name} is for"
                    f" {', '.join(definition.identifiers)} only: 'zoneproof edit"
                    f" {definition.name} --add-name {name}' adds {name}, --name gives a new"
                    " certificate another name"
                )


async def _defined(
    manager: Manager, names: Sequence[str], certificate: str, options: CertificateOptions
) -> tuple[Proposal, CertificateDefinition | None]:
    certificates = manager.certificates
    if len(names) == 1 and not certificate:
        stored = await certificates.find_meant(names[0])
        if stored is not None:
            return await apply_options(manager, options, stored.definition), stored.definition
    name = certificate or default_name(names)
    known = await certificates.find(name)
    await certificates.require_distinct(name)
    before = known.definition if known else CertificateDefinition(name=name, identifiers=())
    if known is None and not options.say_method:
        raise InvalidInputError(f"say how {name} is validated{await method_advice(manager, names)}")
    wanted = await apply_options(manager, options, replace(before, identifiers=tuple(names)))
    return wanted, known.definition if known else None


async def apply_options(
    manager: Manager, options: CertificateOptions, definition: CertificateDefinition
) -> Proposal:
    """Return the definition changed by the options.

    Raises InvalidInputError; of a wildcard without a DNS provider it tells at which one it is.
    """
    try:
        return options.applied_to(definition)
    except NoDnsMethodError as error:
        advice = await zone_advice(manager, [DomainName.parse(error.name)])
        raise InvalidInputError("; ".join([error.message, *advice])) from error


def with_names(
    definition: CertificateDefinition, added: Sequence[str], removed: Sequence[str]
) -> CertificateDefinition:
    """Return the definition with identifiers added and removed.

    Raises InvalidInputError for one to remove that it does not have.
    """
    gone = {Identifier.parse(name).value for name in removed}
    for name in gone.difference(definition.identifiers):
        raise InvalidInputError(f"{definition.name} has no identifier {name} to remove")
    kept = [name for name in definition.identifiers if name not in gone]
    return replace(definition, identifiers=(*kept, *added))


async def take_up(
    manager: Manager, wanted: Proposal, before: CertificateDefinition | None, emit: Emit
) -> Proposal | None:
    """Save what is to be ordered; return what is to be saved only once it has worked.

    What would be refused anyway is saved in no case. Raises InvalidInputError, HttpResponderError
    and AcmeError for that.
    """
    await require_usable(manager.checks, manager.credentials, wanted)
    if await is_stored(manager.certificates, manager.credentials, wanted):
        return None
    for warning in unused_rules(wanted.definition):
        emit(Warned(warning))
    await require_orderable(manager, wanted.definition, wanted.credentials)
    changes = wanted.changes_of(before) if before else []
    if before and await set_aside(manager, wanted, before):
        for change in changes:
            emit(Warned(f"the saved definition of {before.name} changes once this works: {change}"))
        return wanted
    await _save(manager, wanted, before)
    for change in changes:
        emit(Warned(f"the saved definition of {wanted.definition.name} is changed: {change}"))
    return None


async def is_stored(
    certificates: Certificates, credentials: Credentials, proposal: Proposal
) -> bool:
    """Tell whether all of it is stored; what cannot be opened is not. Raises StorageError."""
    stored = await certificates.find(proposal.definition.name)
    if stored is None or stored.definition != proposal.definition:
        return False
    try:
        return await _are_stored(certificates, credentials, proposal)
    except VaultError:
        return False


async def _are_stored(
    certificates: Certificates, credentials: Credentials, proposal: Proposal
) -> bool:
    """Tell whether all secrets of it are stored already. Raises StorageError and VaultError."""
    for credential in proposal.credentials.values():
        known = await credentials.find(credential.name)
        if not known or (known.provider, known.fields) != (credential.provider, credential.fields):
            return False
    password, name = proposal.pkcs12_password, proposal.definition.name
    return password is None or password.encode() == await certificates.pkcs12_password(name)


async def require_usable(
    checks: DefinitionChecks,
    credentials: Credentials,
    proposal: Proposal,
    before: CertificateDefinition | None = None,
) -> None:
    """Raise InvalidInputError for what no order could use, whatever the DNS and the CA say.

    That is also a credential in whose place another provider's would be stored. What ``before``
    names, too, need not be on this machine now.
    """
    await checks.require_usable(proposal.definition, proposal.credentials, before=before)
    for credential in proposal.credentials.values():
        known = await credentials.find(credential.name)
        if known and known.provider != credential.provider:
            raise InvalidInputError(
                f"the credential {known.name} is for {known.provider}: give another name with"
                f" --credential to store fields for {credential.provider}"
            )


async def save(
    manager: Manager,
    proposal: Proposal,
    before: CertificateDefinition | None,
    emit: Emit | None = None,
) -> None:
    """Store the definition in ``before``'s place, and what came with it: all of it or nothing.

    The files that are there get the form that it asks for, and orders for other identifiers are
    given up; without ``emit``, the next run tells which records can be deleted. Raises
    InvalidInputError for what :func:`require_usable` and :func:`refusals` find, BusyError if
    another definition is stored by now, or if another process works on the certificate and its
    files are to change.
    """
    await require_usable(manager.checks, manager.credentials, proposal, before)
    definition, credentials = proposal.definition, proposal.credentials
    if problems := await refusals(manager, definition, before, credentials):
        raise InvalidInputError("; ".join(problems))
    async with reshaped(manager, before, definition, proposal.pkcs12_password):
        await _save(manager, proposal, before)
    if before:
        await give_up_other_orders(manager, definition, emit)


async def task_warnings(
    manager: Manager, before: CertificateDefinition | None, after: CertificateDefinition
) -> list[str]:
    """Return why tasks would fail that ``before`` lacks, and what others would write over."""
    changes = [(before, after)]
    problems = await new_task_problems(manager.home.path, manager.credentials, changes)
    if after.deploy:
        stored = [one.definition for one in await manager.certificates.readable()]
        problems += WrittenFiles(stored).clashes_of([after])
    return problems


async def _save(manager: Manager, proposal: Proposal, before: CertificateDefinition | None) -> None:

    def work(tx: Transaction) -> None:
        _require_unchanged(tx, manager, proposal.definition, before)
        _store(tx, manager, proposal)

    await manager.store.write(work)


async def set_aside(manager: Manager, proposal: Proposal, before: CertificateDefinition) -> bool:
    """Keep the proposal aside if ``before`` works, until :func:`adopt`; tells whether it does.

    A definition works as long as there is a certificate that has not expired. Raises BusyError if
    another one is stored by now.
    """
    lifetime = lifetime_of(manager.files.read(before.name))
    if lifetime is None or lifetime.not_after <= datetime.now(UTC):
        return False

    def work(tx: Transaction) -> None:
        _require_unchanged(tx, manager, proposal.definition, before)
        change = msgspec.json.encode(proposal)
        manager.certificates.set_pending.within(tx, before.name, change)
        manager.certificates.change_state.within(
            tx, before.name, CertificateState, lambda state: replace(state, change_awaiting=())
        )

    await manager.store.write(work)
    return True


async def find_pending(certificates: Certificates, name: str) -> Proposal | None:
    """Return what was set aside for the certificate. Raises StorageError and VaultError."""
    return _decoded(name, await certificates.pending(name))


async def adopt(manager: Manager, proposal: Proposal) -> bool:
    """Save the proposal that was set aside, because it has worked.

    Tells whether it was: somebody may have changed the definition meanwhile, and that stays.
    """
    name = proposal.definition.name

    def work(tx: Transaction) -> bool:
        if _decoded(name, manager.certificates.pending.within(tx, name)) != proposal:
            return False
        _store(tx, manager, proposal)
        return True

    return await manager.store.write(work)


def _decoded(name: str, pending: bytes) -> Proposal | None:
    if not pending:
        return None
    try:
        return msgspec.json.decode(pending, type=Proposal)
    except msgspec.MsgspecError as error:
        raise StorageError(
            f"the pending change of {name} cannot be read: update Zoneproof if a newer one"
            f" wrote it; else 'zoneproof edit {name} --discard-change' discards it"
        ) from error


def _require_unchanged(
    tx: Transaction,
    manager: Manager,
    wanted: CertificateDefinition,
    before: CertificateDefinition | None,
) -> None:
    stored = manager.certificates.find.within(tx, wanted.name)
    if (stored.definition if stored else None) not in (before, wanted):
        raise BusyError(
            f"{wanted.name} was changed by somebody else in the meantime: nothing was saved; run"
            " this again"
        )


def _store(tx: Transaction, manager: Manager, proposal: Proposal) -> None:
    certificates, password = manager.certificates, proposal.pkcs12_password
    for credential in proposal.credentials.values():
        manager.credentials.save.within(tx, credential)
    certificates.save.within(tx, proposal.definition)
    if password is not None:
        certificates.set_pkcs12_password.within(tx, proposal.definition.name, password)
