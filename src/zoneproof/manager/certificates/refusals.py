"""What the CA or the DNS would refuse at once, asked before a definition is saved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

from zoneproof.acme import find_ca
from zoneproof.challenges.dns01 import DnsMethod
from zoneproof.challenges.routing import plan_names
from zoneproof.core.errors import (
    InvalidInputError,
    NotRegisteredError,
    ProviderZoneError,
    ZoneproofError,
)
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.credentials.store import Credential
from zoneproof.manager.manager import Manager
from zoneproof.manager.methods import Methods

_SECONDS = 10.0  # what nobody has answered by then is saved without


async def refusals(
    manager: Manager,
    definition: CertificateDefinition,
    before: CertificateDefinition | None,
    credentials: Mapping[str, Credential] | None = None,
) -> list[str]:
    """Return why a profile is refused that the CA does not have, and a wrong zone.

    A zone is wrong that does not hold the names whose values would go to it. Only what is not in
    the definition ``before``, too, is asked for, and what is not answered in ten seconds is no
    problem. ``credentials`` are not looked up. Raises StorageError and VaultError.
    """
    found = []
    if definition.profile and _differ(before, definition, "profile", "account"):
        found.append(await _refusal(_ask_for_profile(manager, definition)))
    if _differ(before, definition, "method", "identifiers"):
        methods = await manager.open_methods(definition, credentials)
        found.append(await _refusal(_ask_for_zones(methods)))
    return [problem for problem in found if problem]


def _differ(
    before: CertificateDefinition | None, after: CertificateDefinition, *fields: str
) -> bool:
    return any(getattr(before, name, None) != getattr(after, name) for name in fields)


async def require_orderable(
    manager: Manager,
    definition: CertificateDefinition,
    credentials: Mapping[str, Credential] | None = None,
) -> None:
    """Register the CA account if need be, and see what would refuse an order at once.

    Raises InvalidInputError for a profile that the CA does not have and for a zone that does not
    hold the names, HttpResponderError for a web server's folder or a port that cannot be used,
    AcmeError for a CA that cannot be, or does not take the account.
    """
    methods = await manager.open_methods(definition, credentials)
    chosen = [methods.choose(identifier).method for identifier in definition.parsed_identifiers]
    for method in dict.fromkeys(chosen):
        await method.require_usable()
    if problem := await _refusal(_ask_for_zones(methods)):
        raise InvalidInputError(problem)
    name = definition.account or manager.settings.account
    if await manager.accounts.find(name) is None:
        # No key is kept for a URL at which there is no CA, nor for a person who does not agree.
        unknown = new_account(name, find_ca(name).directory_url, manager.run.terms)
        directory = await manager.directories.get(unknown)
        directory.check_terms(agreed=manager.run.terms.agree_to_terms)
    async with manager.clients.use(name) as client:
        directory = await client.directory()
    if definition.profile:
        directory.check_profile(definition.profile)


async def _refusal(question: Awaitable[None]) -> str:
    """Return why an order would be refused, empty for no reason or no answer."""
    try:
        async with asyncio.timeout(_SECONDS):
            await question
    except NotRegisteredError:
        pass  # it is seen once it is
    except (InvalidInputError, ProviderZoneError) as error:
        return error.message
    except (ZoneproofError, TimeoutError):
        pass  # it may be answered when the order comes
    return ""


async def _ask_for_profile(manager: Manager, definition: CertificateDefinition) -> None:
    name = definition.account or manager.settings.account
    account = await manager.accounts.find(name)
    account = account or new_account(name, find_ca(name).directory_url, manager.run.terms)
    account = account.reached_by(manager.run.terms)
    (await manager.directories.get(account)).check_profile(definition.profile)


async def _ask_for_zones(methods: Methods) -> None:
    wanted = []
    for identifier in methods.definition.parsed_identifiers:
        method = methods.choose(identifier).method
        if isinstance(method, DnsMethod) and method.zone:
            wanted.append((identifier, method))
    await plan_names(wanted, methods.resolver, register=False)
