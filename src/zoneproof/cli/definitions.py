"""From names and options to a definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from zoneproof.cli.definition_options import apply_options, says_method
from zoneproof.errors import InvalidInputError
from zoneproof.issuance import Emit, Warned
from zoneproof.manager import (
    CertificateDefinition,
    Manager,
    Proposal,
    default_name,
    describe_changes,
)
from zoneproof.manager.lifecycle.proposal import (
    is_stored,
    require_orderable,
    require_usable,
    save,
    set_aside,
)
from zoneproof.names import Identifier


async def define(
    manager: Manager, names: Sequence[str], certificate: str, options: dict[str, Any]
) -> tuple[Proposal, CertificateDefinition | None]:
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
    if known is None and not says_method(options):
        raise InvalidInputError(_advice(name, names))
    wanted = apply_options(replace(before, identifiers=tuple(names)), options)
    return wanted, known.definition if known else None


async def take_up(
    manager: Manager, wanted: Proposal, before: CertificateDefinition | None, emit: Emit
) -> Proposal | None:
    """Save what is to be ordered; return what is to be saved only once it has worked.

    What would be refused anyway is saved in no case. Raises InvalidInputError, HttpResponderError
    and AcmeError for that.
    """
    await require_usable(manager, wanted)
    if await is_stored(manager, wanted):
        return None
    await require_orderable(manager, wanted)
    changes = describe_changes(before, wanted.definition) if before else []
    if before and await set_aside(manager, wanted, before):
        for change in changes:
            emit(Warned(f"what is saved of {before.name} changes once this has worked: {change}"))
        return wanted
    await save(manager, wanted, before)
    for change in changes:
        emit(Warned(f"what is saved of {wanted.definition.name} is changed: {change}"))
    return None


def _advice(name: str, names: Sequence[str]) -> str:
    by_dns = "--provider or --credential for DNS ('zoneproof provider list' has all)"
    if any(Identifier.parse(one).is_wildcard for one in names):
        return f"say how {name} is validated, which for a wildcard is by DNS: {by_dns}"
    return f"say how {name} is validated: {by_dns}, --webroot or --standalone for http-01"


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
