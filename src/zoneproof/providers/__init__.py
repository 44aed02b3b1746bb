"""DNS update methods: one contract, one module for each provider, one registry."""

from zoneproof.core.fields import CredentialField
from zoneproof.providers.contract import (
    Alias,
    DelegatedProvider,
    ExpiringKeyProvider,
    LimitedProvider,
    Provider,
    ProviderContext,
    ProviderInfo,
    Registration,
    RegistrationStore,
    TxtRecord,
    Zone,
)
from zoneproof.providers.recognition import recognize
from zoneproof.providers.registry import (
    check_answer,
    check_names,
    describe,
    exists,
    files_of,
    installed,
    open_provider,
    require_files,
    short_name,
    shown_field,
    slugs,
)

__all__ = [
    "Alias",
    "CredentialField",
    "DelegatedProvider",
    "ExpiringKeyProvider",
    "LimitedProvider",
    "Provider",
    "ProviderContext",
    "ProviderInfo",
    "Registration",
    "RegistrationStore",
    "TxtRecord",
    "Zone",
    "check_answer",
    "check_names",
    "describe",
    "exists",
    "files_of",
    "installed",
    "open_provider",
    "recognize",
    "require_files",
    "short_name",
    "shown_field",
    "slugs",
]
