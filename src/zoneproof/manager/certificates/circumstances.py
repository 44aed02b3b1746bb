"""What an attempt depends on: told apart without opening a secret, so that its failure can end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from zoneproof.acme import find_ca
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.settings import Settings


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
