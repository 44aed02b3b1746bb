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
from zoneproof.providers.registry import (
    check_answer,
    describe,
    files_of,
    open_provider,
    require_files,
    shown_field,
    slugs,
)

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
    "check_answer",
    "describe",
    "files_of",
    "open_provider",
    "require_files",
    "shown_field",
    "slugs",
]
