"""Revokes a managed certificate at the CA that issued it."""

from __future__ import annotations

from zoneproof.acme import key_from_pem
from zoneproof.errors import AcmeProblemError, InvalidInputError
from zoneproof.manager.certificates.state import state_of
from zoneproof.manager.manager import Manager

REASONS = {
    "unspecified": 0,
    "key-compromise": 1,
    "affiliation-changed": 3,
    "superseded": 4,
    "cessation-of-operation": 5,
}  # RFC 5280 section 5.3.1, those that a subscriber may give


async def revoke(manager: Manager, name: str, *, reason: str = "unspecified") -> None:
    """Revoke the certificate on disk, as the account that ordered it, else with its own key.

    ``reason`` is one of :data:`REASONS`. The definition and the files stay. Raises
    InvalidInputError if there is nothing to revoke, AcmeError, StorageError.
    """
    certificate = await manager.certificates.get(name)
    disk = manager.files.read(name)
    if disk.certificate is None:
        raise InvalidInputError(f"there is no certificate to revoke: {disk.problem}")
    state = state_of(certificate)
    account = state.renewal.account or certificate.definition.account or manager.settings.account
    code = REASONS[reason]
    async with manager.clients.use(account) as client:
        try:
            await client.revoke(disk.certificate, reason=code)
        except AcmeProblemError as error:
            pem = manager.files.private_key(name)
            if not error.is_type("unauthorized") or disk.problem or pem is None:
                raise
            await client.revoke(disk.certificate, reason=code, certificate_key=key_from_pem(pem))
    await manager.history.add(name, "revoked", f"for the reason {reason}")
