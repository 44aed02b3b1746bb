"""DNS update methods: one contract, one module for each provider, one registry."""

from zoneproof.providers.contract import (
    Alias,
    CredentialField,
    DelegatedProvider,
    LimitedProvider,
    Provider,
    ProviderContext,
    ProviderInfo,
    Registration,
    RegistrationStore,
    TxtRecord,
    Zone,
)
from zoneproof.providers.registry import check_field, describe, open_provider, shown_field, slugs

__all__ = [
    "Alias",
    "CredentialField",
    "DelegatedProvider",
    "LimitedProvider",
    "Provider",
    "ProviderContext",
    "ProviderInfo",
    "Registration",
    "RegistrationStore",
    "TxtRecord",
    "Zone",
    "check_field",
    "describe",
    "open_provider",
    "shown_field",
    "slugs",
]
