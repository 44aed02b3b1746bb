"""A RegistrationStore in memory."""

from __future__ import annotations

from zoneproof.core.names import DomainName
from zoneproof.providers import Registration


class MemoryRegistrations:
    """Keeps registrations as long as it lives."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, DomainName], Registration] = {}

    async def get(self, server: str, domain: DomainName) -> Registration | None:
        """Return the registration of a domain, or None."""
        return self.kept.get((server, domain))

    async def find(self, server: str, fulldomain: DomainName) -> Registration | None:
        """Return the registration whose values stand at ``fulldomain``, or None."""
        for (its_server, _), registration in self.kept.items():
            if (its_server, registration.fulldomain) == (server, fulldomain):
                return registration
        return None

    async def put(self, domain: DomainName, registration: Registration) -> Registration:
        """Keep the registration unless one already exists; return the one that is kept."""
        return self.kept.setdefault((registration.server, domain), registration)
