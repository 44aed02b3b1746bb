"""A first look at names for a certificate, before anybody says how to validate them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from zoneproof.acme import find_ca
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import ZoneproofError
from zoneproof.core.names import Identifier
from zoneproof.issuance import PreflightReport, preflight_name
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.credentials.use import credentials_by_provider
from zoneproof.manager.manager import Manager

_SECONDS = 6.0  # nobody waits longer while typing


@dataclass(frozen=True)
class NameLook:
    """What the DNS says of a name: a report, or the ``problem`` that kept it from being made.

    ``credentials`` are stored ones for the providers at which its zone seems to be.
    """

    name: str
    report: PreflightReport | None
    problem: str = ""
    credentials: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The zone and who hosts it, in words."""
        if self.report is None or self.report.name is None:
            return ""
        zone = self.report.name.zone
        return f"zone {zone.name}" + (f", at {zone.titles}" if zone.providers else "")

    @property
    def delegation(self) -> str:
        """Where the challenge name leads, empty if nowhere."""
        if self.report is None or self.report.name is None:
            return ""
        chain = self.report.name.delegation.chain
        return " → ".join(map(str, chain)) if len(chain) > 1 else ""

    @property
    def caa(self) -> str:
        """What CAA records say, empty where they were not asked for."""
        verdict = self.report.caa if self.report else None
        return verdict.reason if verdict else ""


async def look_at_names(manager: Manager, names: Sequence[str], account: str) -> list[NameLook]:
    """Look at all names at once; nothing is raised for a name. Raises StorageError.

    CAA records are judged for the CA of the ``account``, by default that of the settings.
    """
    issuers, account_url = await _issuers(manager, account or manager.settings.account)
    stored = await credentials_by_provider(manager.store)

    async def look(text: str) -> NameLook:
        try:
            identifier = Identifier.parse(text)
            if identifier.type != "dns":
                return NameLook(identifier.value, None, "an IP address: it needs http-01")
            async with asyncio.timeout(_SECONDS):
                report = await preflight_name(
                    manager.resolver, identifier, issuers=issuers, account_url=account_url
                )
        except TimeoutError:
            return NameLook(text, None, "the DNS takes long to answer: the preview will tell")
        except ZoneproofError as error:
            return NameLook(text, None, error.message)
        providers = report.name.zone.slugs if report.name else ()
        fitting = tuple(name for slug in providers for name in stored.get(slug, ()))
        return NameLook(identifier.value, report, "", fitting)

    return await all_at_once(look(name) for name in names)


async def _issuers(manager: Manager, account: str) -> tuple[Collection[str], str | None]:
    """Return the CA's names in CAA records and the account's URL; none if that cannot be known."""
    try:
        stored = await manager.accounts.find(account)
        asked = stored or new_account(account, find_ca(account).directory_url, manager.run.terms)
        async with asyncio.timeout(_SECONDS):
            directory = await manager.directories.get(asked)
    except (ZoneproofError, TimeoutError):
        return (), None
    return directory.caa_identities, (stored.account_url or None) if stored else None
