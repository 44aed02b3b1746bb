"""Stops managing certificates: with the definition goes what cut-off orders left in the DNS."""

from __future__ import annotations

from zoneproof.errors import InvalidInputError
from zoneproof.issuance import Emit, remove_leftovers
from zoneproof.manager.certificates.files import is_certificate_name
from zoneproof.manager.certificates.history import History
from zoneproof.manager.certificates.stored import Certificates
from zoneproof.manager.manager import Manager
from zoneproof.storage import Store, write_together


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
    manager: Manager, name: str, emit: Emit, *, delete_files: bool = False
) -> None:
    """Stop managing the certificate, and with ``delete_files`` delete it and its keys.

    Raises BusyError while another process works on it, StorageError.
    """
    with manager.home.lock(name):
        await give_up_orders(manager, name, emit)
        await write_together(manager.store, lambda store: forget(store, manager, name))
        if delete_files:
            manager.files.remove(name)
            manager.logs.remove(name)


async def forget(store: Store, manager: Manager, name: str) -> None:
    """Remove a definition and its state, as a part of a transaction."""
    if await Certificates(store, manager.vault).remove(name):
        await History(store).add(name, "removed", "no longer managed")


async def give_up_orders(manager: Manager, name: str, emit: Emit) -> None:
    """Remove what the certificate's orders left in the DNS, and resume none of them any more.

    The caller holds the certificate's lock. What cannot be removed is told, and tried again by
    later runs.
    """
    providers_for = manager.providers.for_publication
    await remove_leftovers(manager.journal, name, providers_for, emit, insist=True)
    for order in await manager.journal.open_orders(name):
        await manager.journal.close_order(order.id, error="its certificate was removed")
