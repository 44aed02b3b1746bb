"""Providers that nobody has: what every new one gets without code of its own is tested with them.

``python -m tests.support.made_up`` is ``zoneproof`` with both of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import ClassVar

from tests.support.command import Result, run_zoneproof
from zoneproof.core.errors import ProviderCredentialsError
from zoneproof.core.names import DomainName
from zoneproof.providers import (
    Alias,
    CredentialField,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
    catalog,
)

GOOD_TOKEN = "good-token-0123456789"
EXPIRES = date(2099, 3, 1)


class MadeUp:
    """Has the zones example.com and example.org for the right token, which expires in 2099."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="made-up",
        title="Made-Up DNS",
        homepage="https://made-up.example/api",
        fields=(
            CredentialField("token", "API token", secret=True),
            CredentialField("region", "where the account is", default="eu"),
        ),
        key_url="https://made-up.example/keys",
        least_privilege="a token that may edit TXT records.",
        name_servers=("ns1.example.com",),
        aliases=(
            Alias("certbot", "dns-madeup", {"api_token": "token", "location": "region"}),
            Alias("acme.sh", "dns_madeup", {"MADEUP_Token": "token", "MADEUP_Region": "region"}),
            Alias("lego", "madeup", {"MADEUP_TOKEN": "token", "MADEUP_REGION": "region"}),
        ),
    )

    def __init__(self, context: ProviderContext) -> None:
        self._token = context.fields["token"]

    async def zones(self) -> list[Zone]:
        """Return the zones. Raises ProviderCredentialsError for another token."""
        self._check()
        return [Zone(DomainName("example.com")), Zone(DomainName("example.org"))]

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Do nothing."""

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Do nothing."""

    async def key_expires(self) -> date | None:
        """Return when the token expires."""
        self._check()
        return EXPIRES

    async def close(self) -> None:
        """Release nothing."""

    def _check(self) -> None:
        if self._token != GOOD_TOKEN:
            raise ProviderCredentialsError("Made-Up DNS does not know the token")


class KeylessOne(MadeUp):
    """Has a key that may be left out, and name servers below those of the other one's domain."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="keyless-one",
        title="Keyless One",
        homepage="https://keyless.example",
        fields=(
            CredentialField("user", "user name", default=""),
            CredentialField("token", "API token", secret=True, default="", needed_with="user"),
            CredentialField("zone_id", "the zone", default=""),
        ),
        name_servers=("*.example.com", "NS1.example.net"),
    )


_ENTRIES = {"made-up": "made_up:MadeUp", "keyless-one": "made_up:KeylessOne"}
_REAL = catalog.MODULES
_MODULE = "zoneproof.providers.made_up"


def register() -> None:
    """Let the registry find both."""
    sys.modules[_MODULE] = sys.modules[__name__]
    catalog.MODULES = {**_REAL, **_ENTRIES}


@contextmanager
def registered() -> Iterator[None]:
    """Let the registry find both for a while."""
    register()
    try:
        yield
    finally:
        catalog.MODULES = _REAL


def run(home: Path, *arguments: str) -> Result:
    """Run ``zoneproof`` with both, with nobody at the keyboard."""
    return run_zoneproof(*arguments, environment={"ZONEPROOF_HOME": str(home)}, module=__name__)


if __name__ == "__main__":
    from zoneproof.cli import main

    register()
    main()
