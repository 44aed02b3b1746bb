"""A definition that is to be a certificate's: made of names and options, checked, and saved.

One that replaces a definition that works is kept aside until it has worked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from zoneproof.acme import GivenCsr
from zoneproof.challenges import dns01, dns_persist01, http01
from zoneproof.core.errors import BusyError, InvalidInputError, NoDnsMethodError, StorageError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.core.secretive import Secretive
from zoneproof.issuance import Emit, Warned
from zoneproof.manager.certificates.checks import DefinitionChecks
from zoneproof.manager.certificates.definition import (
    CertificateDefinition,
    MethodDefinition,
    default_name,
    of_our_key,
)
from zoneproof.manager.certificates.definition_file import describe_changes
from zoneproof.manager.certificates.file_form import reshaped
from zoneproof.manager.certificates.method_advice import method_advice, zone_advice
from zoneproof.manager.certificates.refusals import refusals, require_orderable
from zoneproof.manager.certificates.removal import give_up_other_orders
from zoneproof.manager.certificates.state import CertificateState, lifetime_of
from zoneproof.manager.certificates.store import Certificates
from zoneproof.manager.certificates.task_definition import TaskDefinition, named, secret_fields
from zoneproof.manager.credentials.store import Credential, Credentials
from zoneproof.manager.manager import Manager
from zoneproof.providers import short_name
from zoneproof.storage import Transaction


class Proposal(Secretive, frozen=True):
    """A definition, and what is to be stored together with it."""

    definition: CertificateDefinition
    credential: Credential | None = None
    pkcs12_password: str | None = None
    task_credentials: tuple[Credential, ...] = ()

    def changes(self, before: CertificateDefinition) -> bool:
        """Tell whether anything is stored of it that was not, when ``before`` is."""
        given = self.credentials or self.pkcs12_password is not None
        return bool(given) or self.definition != before

    @property
    def credentials(self) -> Mapping[str, Credential]:
        """The credentials by their names, which win over stored ones."""
        found = (*([self.credential] if self.credential else []), *self.task_credentials)
        return {one.name: one for one in found}

    def needs_no_new_certificate(self, before: CertificateDefinition) -> bool:
        """Tell whether it differs from ``before``, but the same certificate does for both."""
        same = self.definition.fingerprint == before.fingerprint
        differs = self.definition != before or bool(self.task_credentials)
        differs = differs or self.pkcs12_password is not None
        return same and differs and self.credential is None


# The fields of a method that stay when it validates by another provider.
METHOD_SETTINGS = (
    "zone",
    "delegation",
    "follow_cname",
    "ttl",
    "propagation",
    "propagation_timeout",
    "resolvers",
)


_OF_OTHERS = {http01.TYPE: {*METHOD_SETTINGS}, dns_persist01.TYPE: {"delegation"}}


class GivenTask(Secretive, frozen=True):
    """A deployment task as a person gives it, and its fields that are secret."""

    definition: TaskDefinition
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)


class CertificateOptions(Secretive, frozen=True):
    """What a person says of a certificate; what is not said stays as it is defined.

    ``of_certificate`` are fields of the definition, ``of_method`` some of ``METHOD_SETTINGS`` for
    its only method. ``provider``, ``credential`` with the ``fields`` to store in it, ``webroot``
    and ``listen`` say by what that validates, ``persist`` that it is by a record that stays, of the
    provider's if there is one. ``methods`` are whole ones, in place of all others;
    ``tasks`` are added, or replace those of their names, and ``removed_tasks`` are taken away.
    """

    of_certificate: Mapping[str, Any] = msgspec.field(default_factory=dict)
    of_method: Mapping[str, Any] = msgspec.field(default_factory=dict)
    provider: str = ""
    credential: str = ""
    fields: Mapping[str, str] = msgspec.field(default_factory=dict)
    webroot: str | None = None
    listen: str | None = None
    persist: bool = False
    methods: tuple[MethodDefinition, ...] = ()
    tasks: tuple[GivenTask, ...] = ()
    removed_tasks: tuple[str, ...] = ()
    csr: GivenCsr | None = None
    pkcs12_password: str | None = None

    @property
    def say_method(self) -> bool:
        """Whether they say by what the names are validated."""
        by_http = self.webroot is not None or self.listen is not None
        by_dns = self.provider or self.credential or self.fields or self.persist
        return by_http or bool(by_dns or self.methods)

    def applied_to(self, definition: CertificateDefinition) -> Proposal:
        """Return the definition changed by what is said. Raises InvalidInputError."""
        given = dict(self.of_certificate)
        if self.csr:
            of_csr = {"csr": self.csr.pem, "identifiers": tuple(map(str, self.csr.identifiers))}
            given = {**of_our_key(), **of_csr, **given}
        if self.pkcs12_password is not None:
            given["pkcs12"] = True
        methods, credential = self._methods(definition)
        tasks, secrets = self._tasks(definition)
        changed = replace(definition, method=methods, deploy=tasks, **given)
        return Proposal(changed.check(), credential, self.pkcs12_password, secrets)

    def _tasks(
        self, definition: CertificateDefinition
    ) -> tuple[tuple[TaskDefinition, ...], tuple[Credential, ...]]:
        tasks = {task.name: task for task in definition.deploy}
        for name in self.removed_tasks:
            if tasks.pop(name, None) is None:
                raise InvalidInputError(
                    f"{definition.name} has no task '{name[:80]}' to remove: it has"
                    f" {', '.join(tasks) or 'none'}"
                )
        secrets = []
        given = named([one.definition for one in self.tasks])
        for task, one in zip(given, self.tasks, strict=True):
            tasks[task.name] = task
            if one.secrets:
                name = task.credential or f"{definition.name}-{task.name}"
                tasks[task.name] = replace(task, credential=name)
                secrets.append(Credential(name, task.task, one.secrets))
        return tuple(tasks.values()), tuple(secrets)

    def _methods(
        self, definition: CertificateDefinition
    ) -> tuple[tuple[MethodDefinition, ...], Credential | None]:
        where, credential = self._where(definition.name)
        if self.methods:
            if self.of_method or where:
                raise InvalidInputError(
                    "--method defines a whole method: put the other method options into it"
                )
            return self.methods, None
        if not self.of_method and not where:
            return definition.method, None
        if len(definition.method) > 1:
            raise InvalidInputError(
                f"{definition.name} has {len(definition.method)} methods: give all of them, each "
                "with --method, or change a file and use 'zoneproof"
                " apply'"
            )
        before = definition.method[0] if definition.method else MethodDefinition()
        if where:
            stays = {*METHOD_SETTINGS} - _OF_OTHERS.get(where.get("challenge", dns01.TYPE), set())
            kept = {name: value for name, value in asdict(before).items() if name in stays}
            before = MethodDefinition(match=before.match, **kept)
        return (replace(before, **where, **self.of_method),), credential

    def _where(self, certificate: str) -> tuple[dict[str, Any], Credential | None]:
        """Return the fields of a method that say by what it validates, and what is to be stored."""
        where, credential = self._by(certificate)
        if self.persist:
            where = {"challenge": dns_persist01.TYPE, **(where or {"provider": "manual"})}
        return where, credential

    def _by(self, certificate: str) -> tuple[dict[str, Any], Credential | None]:
        provider, name, fields = self.provider, self.credential, dict(self.fields)
        by_http = {"webroot": self.webroot, "listen": self.listen}
        http = {field: value for field, value in by_http.items() if value is not None}
        if http:
            if provider or name or fields or self.persist or len(http) > 1:
                raise InvalidInputError(
                    "choose one way to validate: --provider or --credential, --persist with or"
                    " without one of these, --webroot, or --standalone"
                )
            return {"challenge": http01.TYPE, **http}, None
        if fields and not provider:
            raise InvalidInputError("--field and --server belong to a provider: add --provider")
        if not provider:
            return ({"credential": name} if name else {}), None
        if name and not fields:
            raise InvalidInputError(
                f"the credential {name[:80]} already has a provider: omit --provider to use it, or "
                "add"
                " the --field options to be stored under that name"
            )
        if name or secret_fields(provider, fields):
            name = name or f"{certificate}-{short_name(provider)}"
            return {"credential": name}, Credential(name, provider, fields)
        return {"provider": provider, "fields": fields}, None


async def define(
    manager: Manager, names: Sequence[str], certificate: str, options: CertificateOptions
) -> tuple[Proposal, CertificateDefinition | None]:
    """Return the definition that names and options mean, and the stored one, None for none.

    The name of a stored certificate, alone, means that certificate; otherwise the names are the
    identifiers of a new one, or those that a stored one has from now on. ``certificate`` is its
    name, by default its first identifier. Raises InvalidInputError; where nothing says how the
    names are validated, it tells at which providers they are.
    """
    certificates = manager.certificates
    if len(names) == 1 and not certificate:
        stored = await certificates.find_meant(names[0])
        if stored is not None:
            return await apply_options(manager, options, stored.definition), stored.definition
    name = certificate or default_name(names)
    known = await certificates.find(name)
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
    await require_orderable(manager, wanted.definition, wanted.credentials)
    changes = describe_changes(before, wanted.definition) if before else []
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
    """Tell whether all of it is stored already. Raises StorageError and VaultError."""
    definition, password = proposal.definition, proposal.pkcs12_password
    stored = await certificates.find(definition.name)
    if stored is None or stored.definition != definition:
        return False
    for credential in proposal.credentials.values():
        known = await credentials.find(credential.name)
        if not known or (known.provider, known.fields) != (credential.provider, credential.fields):
            return False
    return password is None or password.encode() == await certificates.pkcs12_password(
        definition.name
    )


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
