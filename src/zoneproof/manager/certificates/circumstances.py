"""What an attempt depends on, so that its failure can end when that changes.

What is stored is told apart without opening a secret; where challenge names lead, the DNS says.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from zoneproof.acme import find_ca
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import (
    DelegationError,
    DnsError,
    InvalidInputError,
    NoSuchDomainError,
    ZoneproofError,
)
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import follow_delegation, query_authoritative
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.methods import MethodMaker, Methods
from zoneproof.manager.settings import Settings

_SECONDS = 3.0  # no run waits longer for what it can do without


@dataclass(frozen=True)
class Circumstances:
    """The settings, and the revisions of credentials and accounts by their names.

    A revision is a text that is another one after every change that people make.
    """

    settings: Settings
    credentials: Mapping[str, str]
    accounts: Mapping[str, str]

    def of(self, definition: CertificateDefinition) -> str:
        """Return a digest of the definition and of all that it refers to."""
        accounts = accounts_of(definition, self.settings)
        settings = self.settings
        facts = (
            definition.fingerprint,
            [self.credentials.get(method.credential, "") for method in definition.method],
            [(account, self.accounts.get(account, "")) for account in accounts],
            (settings.dns, settings.provider, settings.authoritative_port),
        )
        return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()


def accounts_of(definition: CertificateDefinition, settings: Settings) -> list[str]:
    """Return the names of the accounts that the certificate may come from, the first one first.

    An account that is not stored yet will be named after its CA.
    """
    accounts = (definition.account or settings.account, *definition.fallback_accounts)
    return [name for account in accounts for name in dict.fromkeys((account, _ca(account)))]


def _ca(account: str) -> str:
    try:
        return find_ca(account).name
    except InvalidInputError:
        return account  # an account's own name


async def delegations_of(maker: MethodMaker, definition: CertificateDefinition) -> str:
    """Return in one text where all CNAMEs of the challenge names lead; empty if nobody can tell."""
    try:
        methods = await maker.make(definition)
        names = {
            methods.choose(identifier).method.challenge_name(identifier.domain)
            for identifier in definition.parsed_identifiers
            if identifier.type == "dns"
        }
        found = await all_at_once(_delegation(methods, one) for one in sorted(filter(None, names)))
    except (ZoneproofError, TimeoutError):
        return ""
    return "; ".join(found)


async def _delegation(methods: Methods, name: DomainName) -> str:
    try:
        async with asyncio.timeout(_SECONDS):
            return " ".join(map(str, (await follow_delegation(methods.resolver, name)).chain))
    except (DelegationError, NoSuchDomainError) as error:
        return error.message
    except (DnsError, TimeoutError):
        # It may lead where nobody answers, which is what has to be changed.
        async with asyncio.timeout(_SECONDS):
            answer = await query_authoritative(methods.resolver, name, "CNAME")
        return " ".join(map(str, (name, *answer.targets, "...")))
