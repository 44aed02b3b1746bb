"""From names and options to a definition, and to what is stored of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from zoneproof.cli.definition_options import Wanted, apply_options
from zoneproof.errors import BusyError, InvalidInputError
from zoneproof.manager import CertificateDefinition, Credential, Manager, default_name
from zoneproof.manager.certificates.stored import Certificates
from zoneproof.manager.credentials.stored import Credentials
from zoneproof.names import Identifier
from zoneproof.storage import Store, write_together


async def define(
    manager: Manager, names: Sequence[str], certificate: str, options: dict[str, Any]
) -> tuple[Wanted, CertificateDefinition | None]:
    """Return the definition that names and options mean, and the stored one, None for none.

    The name of a stored certificate, alone, means that certificate; otherwise the names are the
    identifiers of a new one, or those that a stored one has from now on. Raises InvalidInputError.
    """
    if len(names) == 1 and not certificate:
        stored = await manager.certificates.find_meant(names[0])
        if stored is not None:
            return apply_options(stored.definition, options), stored.definition
    name = certificate or default_name(names)
    known = await manager.certificates.find(name)
    before = known.definition if known else CertificateDefinition(name=name, identifiers=())
    wanted = apply_options(replace(before, identifiers=tuple(names)), options)
    if known is None and not wanted.definition.method:
        raise InvalidInputError(
            f"say how {name} is validated: --provider or --credential for DNS ('zoneproof provider"
            " list' has all), --webroot or --standalone for http-01"
        )
    return wanted, known.definition if known else None


async def is_stored(manager: Manager, wanted: Wanted, before: CertificateDefinition | None) -> bool:
    """Tell whether all that is wanted is what is stored."""
    definition, credential, password = wanted.definition, wanted.credential, wanted.pkcs12_password
    if definition != before:
        return False
    known = await manager.credentials.find(credential.name) if credential else None
    if credential and not (
        known and known.provider == credential.provider and known.fields == credential.fields
    ):
        return False
    if password is None:
        return True
    return password.encode() == await manager.certificates.pkcs12_password(definition.name)


async def check_credentials(manager: Manager, wanted: Wanted) -> None:
    """Raise InvalidInputError for a method whose credential is neither stored nor to be stored."""
    for method in wanted.definition.method:
        given = wanted.credential is not None and wanted.credential.name == method.credential
        if method.credential and not given:
            await manager.credentials.get(method.credential)


async def save(manager: Manager, wanted: Wanted, before: CertificateDefinition | None) -> None:
    """Store the definition in ``before``'s place, and what came with it: all of it or nothing.

    Raises InvalidInputError for a provider that could not be used with its fields, and for a
    credential in whose place another provider's would be stored; BusyError if another definition
    is stored by now.
    """
    definition = wanted.definition
    await check_credentials(manager, wanted)
    for method in definition.method:
        if method.provider:
            manager.providers.open(method.provider, method.fields)
    if wanted.credential:
        await _check(manager, wanted.credential)

    async def work(store: Store) -> None:
        certificates = Certificates(store, manager.vault)
        stored = await certificates.find(definition.name)
        if (stored.definition if stored else None) not in (before, definition):
            raise BusyError(
                f"{definition.name} was changed by somebody else meanwhile: nothing was saved; run"
                " this again"
            )
        if wanted.credential:
            await Credentials(store, manager.vault).save(wanted.credential)
        await certificates.save(definition)
        if wanted.pkcs12_password is not None:
            await certificates.set_pkcs12_password(definition.name, wanted.pkcs12_password)

    await write_together(manager.store, work)


async def _check(manager: Manager, credential: Credential) -> None:
    manager.providers.open(credential.provider, credential.fields)
    known = await manager.credentials.find(credential.name)
    if known and known.provider != credential.provider:
        raise InvalidInputError(
            f"the credential {known.name} is for {known.provider}: give another name with"
            f" --credential to store fields for {credential.provider}"
        )


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
