"""Stops managing certificates, and revokes them at their CA."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from cryptography import x509

from zoneproof.acme import CertificateKey, find_ca, key_from_pem
from zoneproof.core.errors import AcmeProblemError, BusyError, InvalidInputError
from zoneproof.issuance import Emit, Warned, tell_deletable
from zoneproof.manager.accounts.account import AccountTerms
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.files import is_certificate_name
from zoneproof.manager.certificates.renewal_state import of_certificate
from zoneproof.manager.certificates.state import serial_of, state_of
from zoneproof.manager.certificates.store import ManagedCertificate
from zoneproof.manager.manager import Manager
from zoneproof.storage import Transaction


async def find_removable(manager: Manager, name: str, *, files: bool) -> str:
    """Return the name of the certificate that is meant.

    With ``files``, one of which only these are left will do, because a removal was cut off. Raises
    InvalidInputError for an unknown name.
    """
    try:
        return (await manager.certificates.look_up(name)).name
    except InvalidInputError:
        if files and is_certificate_name(name) and manager.files.exist(name):
            return name
        raise


async def remove_certificate(
    manager: Manager, name: str, emit: Emit, *, delete_files: bool
) -> None:
    """Stop managing the certificate, and with ``delete_files`` delete it and its keys.

    TXT records that stay are told. Raises BusyError while another process works on it,
    StorageError.
    """
    with manager.home.lock(name):
        await give_up_orders(manager, name, emit)
        for one in await manager.certificates.readable():
            if one.definition.name == name:
                _tell_standing(one.definition, emit)
        await manager.store.write(lambda tx: forget(tx, manager, name))
        if delete_files:
            manager.files.remove(name)
            manager.logs.remove(name)


def _tell_standing(definition: CertificateDefinition, emit: Emit) -> None:
    for place in definition.standing_records:
        emit(
            Warned(
                f"the TXT record at {place} stays, and lets the account obtain certificates: delete"
                " it unless another certificate needs it"
            )
        )


def forget(tx: Transaction, manager: Manager, name: str) -> None:
    """Remove a definition and its state, as a part of a transaction."""
    if manager.certificates.remove.within(tx, name):
        manager.history.add.within(tx, name, "removed", "no longer managed")


async def give_up_orders(manager: Manager, name: str, emit: Emit) -> None:
    """Remove what the certificate's orders left in the DNS, and resume none of them again.

    The caller holds the certificate's lock. What cannot be removed is told, and tried again by
    later runs.
    """
    await manager.leftovers.remove(name, emit, insist=True)
    for order in await manager.journal.open_orders(name):
        await manager.journal.close_order(order.id, error="its certificate was removed")
    await tell_deletable(manager.journal, name, emit)


async def give_up_other_orders(
    manager: Manager, definition: CertificateDefinition, emit: Emit | None
) -> None:
    """Give up orders for other identifiers than those of the definition, which has changed.

    Without ``emit``, it is left to the next run to tell which records can be deleted.
    A process that works on the certificate does it itself when it orders again.
    """
    with suppress(BusyError), manager.home.lock(definition.name):
        for order in await manager.journal.open_orders(definition.name):
            if set(order.identifiers) != set(definition.parsed_identifiers):
                await manager.journal.close_order(order.id, error="superseded")
        if emit:
            await tell_deletable(manager.journal, definition.name, emit)


REASONS = {
    "unspecified": 0,
    "key-compromise": 1,
    "affiliation-changed": 3,
    "superseded": 4,
    "cessation-of-operation": 5,
}  # RFC 5280 section 5.3.1, those that a subscriber may give


async def revoke(manager: Manager, name: str, *, reason: str = "unspecified") -> None:
    """Revoke the certificate on disk, as the account that ordered it, else with its own key.

    The latter is the way where the account is forgotten here, or may not revoke it. ``reason`` is
    one of :data:`REASONS`. The definition and the files stay. Raises InvalidInputError if there is
    nothing to revoke, BusyError while another process may be about to replace it, AcmeError,
    StorageError.
    """
    name = (await manager.certificates.get(name)).name
    with manager.home.lock(name):
        certificate = await manager.certificates.get(name)
        disk = manager.files.read(name)
        if disk.certificate is None:
            raise InvalidInputError(f"there is no certificate to revoke: {disk.problem}")
        pem = None if disk.problem else manager.files.private_key(name)
        key = key_from_pem(pem) if pem else None
        await _revoke(manager, certificate, disk.certificate, REASONS[reason], key)
        for order in await manager.journal.open_orders(name):
            if order.private_key:  # it could bring the same certificate again
                await manager.journal.close_order(order.id, error="the certificate was revoked")
        renewal = of_certificate(state_of(certificate).renewal, serial_of(disk))
        revoked = msgspec.structs.replace(renewal, revoked_at=datetime.now(UTC))
        await manager.states.set_renewal(name, revoked)
        await manager.history.add(name, "revoked", f"for the reason {reason}")


async def _revoke(
    manager: Manager,
    managed: ManagedCertificate,
    certificate: x509.Certificate,
    code: int,
    key: CertificateKey | None,
) -> None:
    state = state_of(managed)
    text = state.renewal.account or managed.definition.account or manager.settings.account
    account = await manager.accounts.find(text)
    if key and (account is None or not account.account_url):
        stranger = account or new_account(text, find_ca(text).directory_url, AccountTerms())
        async with stranger.client() as client:
            await client.revoke(certificate, reason=code, certificate_key=key)
        return
    async with manager.clients.use(text) as client:
        try:
            await client.revoke(certificate, reason=code)
        except AcmeProblemError as error:
            if not error.is_type("unauthorized") or key is None:
                raise
            await client.revoke(certificate, reason=code, certificate_key=key)
