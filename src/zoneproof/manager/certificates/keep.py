"""Tells whether a certificate that somebody asks for is there already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.issue import is_interrupted
from zoneproof.manager.certificates.state import status_of
from zoneproof.manager.manager import Manager


@dataclass(frozen=True)
class Kept:
    """A certificate that stays, because it is valid and what is wanted. The moment is in UTC."""

    name: str
    not_after: datetime


async def keep(manager: Manager, definition: CertificateDefinition) -> Kept | None:
    """Return the certificate of a stored definition if it is good for now, else None.

    It is not if it is due, was obtained with another definition, is about to be obtained, or if the
    last attempt failed. Raises StorageError.
    """
    certificate = await manager.certificates.find(definition.name)
    if certificate is None or certificate.definition != definition:
        return None
    found = status_of(certificate, manager.files, datetime.now(UTC))
    renewal = found.state.renewal
    changed = renewal.definition not in ("", definition.fingerprint)
    if found.lifetime is None or found.due.now or renewal.failures or renewal.paused or changed:
        return None
    if await is_interrupted(manager, certificate):
        return None
    return Kept(definition.name, found.lifetime.not_after)
