"""A definition that is to be a certificate's: checked, saved, or kept aside until it has worked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from zoneproof.acme import find_ca
from zoneproof.core.errors import BusyError, InvalidInputError, StorageError
from zoneproof.issuance import HttpMethod
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.state import lifetime_of
from zoneproof.manager.certificates.store import Certificates
from zoneproof.manager.credentials.store import Credential, Credentials
from zoneproof.manager.manager import Manager
from zoneproof.storage import Store, write_together


@dataclass(frozen=True)
class Proposal:
    """A definition, and what is to be stored together with it."""

    definition: CertificateDefinition
    credential: Credential | None = None
    pkcs12_password: str | None = field(default=None, repr=False)

    @property
    def credentials(self) -> Mapping[str, Credential]:
        """The credential by its name, which wins over a stored one."""
        return {self.credential.name: self.credential} if self.credential else {}


async def is_stored(manager: Manager, proposal: Proposal) -> bool:
    """Tell whether all of it is stored already. Raises StorageError and VaultError."""
    definition, credential, password = (
        proposal.definition,
        proposal.credential,
        proposal.pkcs12_password,
    )
    stored = await manager.certificates.find(definition.name)
    if stored is None or stored.definition != definition:
        return False
    known = await manager.credentials.find(credential.name) if credential else None
    if credential and not (
        known and known.provider == credential.provider and known.fields == credential.fields
    ):
        return False
    return password is None or password.encode() == await manager.certificates.pkcs12_password(
        definition.name
    )


async def require_usable(manager: Manager, proposal: Proposal) -> None:
    """Raise InvalidInputError for what no order could use, whatever the DNS and the CA say.

    That is also a credential in whose place another provider's would be stored.
    """
    await manager.checks.require_usable(proposal.definition, proposal.credentials)
    credential = proposal.credential
    known = await manager.credentials.find(credential.name) if credential else None
    if known and credential and known.provider != credential.provider:
        raise InvalidInputError(
            f"the credential {known.name} is for {known.provider}: give another name with"
            f" --credential to store fields for {credential.provider}"
        )


async def require_orderable(manager: Manager, proposal: Proposal) -> None:
    """Register the CA account if need be, and see what would refuse an order at once.

    Raises InvalidInputError for a profile that the CA does not have, HttpResponderError for a web
    server's folder or a port that cannot be used, AcmeError for a CA that cannot be, or does not
    take the account.
    """
    definition = proposal.definition
    methods = await manager.methods.make(definition, proposal.credentials)
    chosen = [methods.choose(identifier).method for identifier in definition.parsed_identifiers]
    for responder in {one.responder: None for one in chosen if isinstance(one, HttpMethod)}:
        await responder.check()
    name = definition.account or manager.settings.account
    if await manager.accounts.find(name) is None:
        # No key is kept for a URL at which there is no CA.
        unknown = new_account(name, find_ca(name).directory_url, manager.run.terms)
        await manager.directories.get(unknown)
    async with manager.clients.use(name) as client:
        directory = await client.directory()
    if definition.profile:
        directory.check_profile(definition.profile)


async def save(manager: Manager, proposal: Proposal, before: CertificateDefinition | None) -> None:
    """Store the definition in ``before``'s place, and what came with it: all of it or nothing.

    Raises InvalidInputError for what :func:`require_usable` refuses, BusyError if another
    definition is stored by now.
    """
    await require_usable(manager, proposal)

    async def work(store: Store) -> None:
        await _require_unchanged(store, manager, proposal.definition, before)
        await _store(store, manager, proposal)

    await write_together(manager.store, work)


async def set_aside(manager: Manager, proposal: Proposal, before: CertificateDefinition) -> bool:
    """Keep the proposal aside if ``before`` works, until :func:`adopt`; tells whether it does.

    A definition works as long as there is a certificate that has not expired. Raises BusyError if
    another one is stored by now.
    """
    lifetime = lifetime_of(manager.files.read(before.name))
    if lifetime is None or lifetime.not_after <= datetime.now(UTC):
        return False

    async def work(store: Store) -> None:
        await _require_unchanged(store, manager, proposal.definition, before)
        certificates = Certificates(store, manager.vault)
        await certificates.set_pending(before.name, msgspec.json.encode(proposal))

    await write_together(manager.store, work)
    return True


async def find_pending(manager: Manager, name: str) -> Proposal | None:
    """Return what was set aside for the certificate. Raises StorageError and VaultError."""
    return _decoded(name, await manager.certificates.pending(name))


async def adopt(manager: Manager, proposal: Proposal) -> bool:
    """Save the proposal that was set aside, because it has worked.

    Tells whether it was: somebody may have changed the definition meanwhile, and that stays.
    """
    name = proposal.definition.name

    async def work(store: Store) -> bool:
        pending = await Certificates(store, manager.vault).pending(name)
        if _decoded(name, pending) != proposal:
            return False
        await _store(store, manager, proposal)
        return True

    return await write_together(manager.store, work)


def _decoded(name: str, pending: bytes) -> Proposal | None:
    if not pending:
        return None
    try:
        return msgspec.json.decode(pending, type=Proposal)
    except msgspec.MsgspecError as error:
        raise StorageError(
            f"the change that waits for {name} cannot be read: update Zoneproof if a newer one"
            f" wrote it; else 'zoneproof edit {name}' drops it"
        ) from error


async def _require_unchanged(
    store: Store,
    manager: Manager,
    wanted: CertificateDefinition,
    before: CertificateDefinition | None,
) -> None:
    stored = await Certificates(store, manager.vault).find(wanted.name)
    if (stored.definition if stored else None) not in (before, wanted):
        raise BusyError(
            f"{wanted.name} was changed by somebody else meanwhile: nothing was saved; run this"
            " again"
        )


async def _store(store: Store, manager: Manager, proposal: Proposal) -> None:
    certificates, name = Certificates(store, manager.vault), proposal.definition.name
    if proposal.credential:
        await Credentials(store, manager.vault).save(proposal.credential)
    await certificates.save(proposal.definition)
    if proposal.pkcs12_password is not None:
        await certificates.set_pkcs12_password(name, proposal.pkcs12_password)
