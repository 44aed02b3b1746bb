"""The form in which a certificate's files are written; those that are there are brought into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from msgspec.structs import replace

from zoneproof.core.access import ANYWAY, Access, read_access
from zoneproof.core.aio import in_thread
from zoneproof.core.errors import BusyError, InvalidInputError, StorageError, VaultError
from zoneproof.issuance import Emit, Warned
from zoneproof.manager.certificates.checks import key_access
from zoneproof.manager.certificates.definition import FILE_FORM, CertificateDefinition
from zoneproof.manager.certificates.state import state_of
from zoneproof.manager.certificates.store import DamagedCertificate, ManagedCertificate
from zoneproof.manager.certificates.versions import FileForm
from zoneproof.manager.manager import Manager


async def form_of(
    manager: Manager, definition: CertificateDefinition, password: str | None = None
) -> FileForm:
    """Return the form that a definition and the settings ask for.

    ``password`` is that of a PKCS #12 file, None for the stored one. Raises InvalidInputError for
    an unknown group, StorageError and VaultError.
    """
    secret = None
    if definition.pkcs12:
        stored = manager.certificates.pkcs12_password
        secret = await stored(definition.name) if password is None else password.encode()
    access = key_access(definition, manager.settings)
    return FileForm(access, secret, combined=definition.combined)


def same_form(one: CertificateDefinition, other: CertificateDefinition) -> bool:
    """Tell whether the files of both are written in the same form."""
    return all(getattr(one, name) == getattr(other, name) for name in FILE_FORM)


@asynccontextmanager
async def reshaped(
    manager: Manager,
    before: CertificateDefinition | None,
    after: CertificateDefinition,
    password: str | None = None,
) -> AsyncIterator[None]:
    """Bring the files that are there into another definition's form, and back if the block fails.

    ``password`` is a new one of the PKCS #12 file; the old one, which perhaps cannot be opened, is
    not needed. Raises BusyError while another process works on
    the certificate, InvalidInputError, StorageError and VaultError.
    """
    name = after.name
    is_same = before is None or (same_form(before, after) and password is None)
    if before is None or is_same or not manager.files.exist(name):
        yield
        return
    new = await form_of(manager, after, password)
    access = key_access(before, manager.settings)
    with manager.home.lock(name):
        manager.files.repair(name)
        bundle = await in_thread(manager.files.bundle, name)
        old = FileForm(access, bundle=bundle, combined=before.combined)
        try:
            await in_thread(manager.files.reshape, name, new, old)
            yield
        except BaseException:
            with suppress(StorageError):
                await in_thread(manager.files.reshape, name, old, new)
            raise


async def follow_settings(
    manager: Manager,
    stored: Iterable[ManagedCertificate | DamagedCertificate],
    emit_for: Callable[[str], Emit],
) -> None:
    """Bring the files of the certificates to the group and mode that settings.toml says by now.

    What cannot be changed is told, and tried again the next time. Raises StorageError.
    """
    settings = manager.settings
    wanted = (settings.key_group, settings.key_mode)
    behind = [
        (one, before)
        for one in stored
        if isinstance(one, ManagedCertificate)
        and (before := _usual_access(one)) not in (None, wanted)
    ]
    if not behind:
        return
    try:
        read_access("", *wanted)
    except InvalidInputError as error:
        emit_for("")(Warned(f"settings.toml: {error.message}: the files stay as they are"))
        return
    for certificate, before in behind:
        with suppress(BusyError):  # whoever works on it writes its files, or the next run does
            try:
                await _follow(manager, certificate, before or ("", ""))
            except (InvalidInputError, StorageError, VaultError) as error:
                emit_for(certificate.name)(Warned(error.message))


def _usual_access(certificate: ManagedCertificate) -> tuple[str, str] | None:
    try:
        return state_of(certificate).usual_access
    except StorageError:
        return None  # which its renewal tells


async def _follow(
    manager: Manager, certificate: ManagedCertificate, before: tuple[str, str]
) -> None:
    name, settings = certificate.name, manager.settings
    new = await form_of(manager, certificate.definition)
    group, mode = before
    old = _access_with(manager, certificate.definition, group, mode)
    if new.access != old and manager.files.exist(name):
        with manager.home.lock(name):
            manager.files.repair(name)
            await in_thread(manager.files.reshape, name, new, FileForm(old))
    await manager.states.set_usual_access(name, (settings.key_group, settings.key_mode))


def _access_with(
    manager: Manager, definition: CertificateDefinition, group: str, mode: str
) -> Access:
    """Return who could read the key while the settings said so."""
    try:
        return key_access(definition, replace(manager.settings, key_group=group, key_mode=mode))
    except InvalidInputError:
        return ANYWAY  # a group that is no more lets nobody in
