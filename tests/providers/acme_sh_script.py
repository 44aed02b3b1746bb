"""Scripts of a real acme.sh as providers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from tests.providers.dns_servers import MAIN
from tests.providers.harness import challenge_value, txt
from tests.support.peers.acme_sh import ACME_SH_HOME
from tests.support.peers.powerdns import API_KEY
from zoneproof.core.names import DomainName
from zoneproof.providers import Provider, ProviderContext, Zone, open_provider

ZONE = Zone(DomainName.parse(MAIN))
RECORD = txt("_acme-challenge", challenge_value())
Look = Callable[[DomainName], Awaitable[Sequence[str]]]


def open_script(
    name: str, fields: Mapping[str, str], look: Look | None = None, locks: Path | None = None
) -> Provider:
    """Open a script's provider; ``look`` is how it asks the DNS."""
    context = ProviderContext({"home": str(ACME_SH_HOME), **fields}, locks=locks, txt_values=look)
    return open_provider(f"acmesh:{name}", context)


def open_pdns(url: str, token: str = API_KEY, timeout: str = "60") -> Provider:
    fields = {"PDNS_Url": url, "PDNS_ServerId": "localhost", "PDNS_Token": token}
    return open_script("dns_pdns", {**fields, "timeout": timeout})
