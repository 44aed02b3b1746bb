"""The form in which a certificate's files are written; those that are there are brought into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from zoneproof.core.aio import in_thread
from zoneproof.core.errors import StorageError
from zoneproof.manager.certificates.definition import FILE_FORM, CertificateDefinition
from zoneproof.manager.certificates.files import FileForm
from zoneproof.manager.manager import Manager
from zoneproof.manager.methods import key_access


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
    return FileForm(key_access(definition, manager.settings), secret, definition.combined)


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

    ``password`` is a new one of the PKCS #12 file. Raises BusyError while another process works on
    the certificate, InvalidInputError, StorageError and VaultError.
    """
    name = after.name
    is_same = before is None or (same_form(before, after) and password is None)
    if before is None or is_same or not manager.files.exist(name):
        yield
        return
    old, new = await form_of(manager, before), await form_of(manager, after, password)
    with manager.home.lock(name):
        manager.files.repair(name)
        try:
            await in_thread(manager.files.reshape, name, new, old)
            yield
        except BaseException:
            with suppress(StorageError):
                await in_thread(manager.files.reshape, name, old, new)
            raise
