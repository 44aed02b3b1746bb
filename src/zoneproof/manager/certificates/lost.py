"""Notices that the database is another one than that of the certificates on disk."""

from __future__ import annotations

from zoneproof.core.errors import StorageError
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.store import Certificates, History

_SHOWN = 5


async def require_not_lost(
    certificates: Certificates, history: History, files: CertificateFiles
) -> None:
    """Raise StorageError if certificates are there and the database never had one.

    Else they would expire and nobody would hear of it. Certificates that are no longer managed
    have a history.
    """
    names = files.names()
    if not names or await certificates.each() or not await history.is_empty():
        return
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    raise StorageError(
        f"{files.live('')} has certificates ({', '.join(names[:_SHOWN])}{more}) of which the"
        " database knows nothing: if it was lost, restore state.sqlite3 from a backup, or what"
        " 'zoneproof export' wrote with 'zoneproof import archive'; without either, 'zoneproof"
        " issue' with the same names and options as before manages them again, with a new account"
        " and new credentials"
    )
