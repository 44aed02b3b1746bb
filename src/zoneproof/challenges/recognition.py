"""At which provider a zone is, as its name servers tell."""

from __future__ import annotations

import msgspec

from zoneproof.core.names import DomainName
from zoneproof.dnsquery import Resolver, ZoneCut, find_zone, follow_delegation
from zoneproof.providers import ProviderInfo, recognize

_SHOWN_SERVERS = 2


class RecognizedZone(msgspec.Struct, frozen=True):
    """A zone, its name servers, and the providers that these belong to, none if nobody knows."""

    name: DomainName
    name_servers: tuple[DomainName, ...]
    providers: tuple[ProviderInfo, ...]

    @classmethod
    def of(cls, cut: ZoneCut) -> RecognizedZone:
        """Return what the name servers of a zone tell."""
        servers = tuple(server.name for server in cut.nameservers)
        return cls(cut.name, servers, tuple(recognize(servers)))

    @property
    def slugs(self) -> tuple[str, ...]:
        """The providers' slugs."""
        return tuple(info.slug for info in self.providers)

    @property
    def titles(self) -> str:
        """The providers in words."""
        return " or ".join(info.title for info in self.providers)

    @property
    def text(self) -> str:
        """Where the zone is, and how that is known, in words without an end."""
        names = self.name_servers
        shown = ", ".join(map(str, names[:_SHOWN_SERVERS])) or "unknown"
        more = f" and {len(names) - _SHOWN_SERVERS} more" if len(names) > _SHOWN_SERVERS else ""
        servers = f"its name server{' is' if len(names) == 1 else 's are'} {shown}{more}"
        return f"{self.name} is at {self.titles or 'no known provider'} ({servers})"

    @property
    def commands(self) -> str:
        """What to type, so that the providers can be used."""
        return " or ".join(f"zoneproof credential add {slug}" for slug in self.slugs)


async def find_challenge_zone(resolver: Resolver, challenge_name: DomainName) -> ZoneCut:
    """Return the zone in which the TXT record for a challenge name is: where its CNAME leads.

    Raises DnsError.
    """
    delegation = await follow_delegation(resolver, challenge_name)
    return await find_zone(resolver, delegation.target)
