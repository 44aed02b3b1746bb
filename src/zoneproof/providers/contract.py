"""What every provider promises. One test suite (``tests/providers/contract_suite.py``) holds it.

1. Adding keeps every other value at the name; removing takes only the value named; the last one
   leaves no empty record behind. Other record types at the name are untouched.
2. Adding what is there, and removing what is not, succeed and change nothing.
3. Ten concurrent adds at one name leave ten values.
4. Values with quotes and backslashes, and values above 255 bytes, survive a round trip.
5. Every request has a deadline; what may have happened is read again before it is repeated.
6. Wrong credentials, no permission, no such zone and quota are four different errors, each naming
   the provider, the zone and the provider's own message. Secrets never appear.
7. Nothing is global: two credentials of one provider work in one process at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

from zoneproof.names import DomainName


@dataclass(frozen=True)
class CredentialField:
    """One setting of a provider. Without a default it is required."""

    name: str
    help: str
    secret: bool = False
    default: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProviderInfo:
    """What people and programs need to know of a provider: the one source of prompts and docs."""

    slug: str
    title: str
    homepage: str
    fields: tuple[CredentialField, ...]
    default_ttl: int = 60  # seconds
    by_hand: bool = False  # a person creates the records; orders pause for it
    notes: str = ""


@dataclass(frozen=True)
class Zone:
    """A zone that a provider can write to: its name, and the provider's own id for it if any."""

    name: DomainName
    id: str = ""


@dataclass(frozen=True)
class Registration:
    """A subdomain of a challenge service and the key to update it (an acme-dns "account")."""

    server: str
    fulldomain: DomainName
    subdomain: str
    username: str
    password: str = field(repr=False)


class RegistrationStore(Protocol):
    """Where registrations made at first use are kept, by service and domain (without ``*.``)."""

    async def get(self, server: str, domain: DomainName) -> Registration | None:
        """Return the registration, or None."""
        ...

    async def put(self, domain: DomainName, registration: Registration) -> Registration:
        """Keep the registration unless one is there already; return the one that is kept."""
        ...


@dataclass(frozen=True)
class ProviderContext:
    """What a provider gets from its caller."""

    fields: Mapping[str, str] = field(repr=False)
    registrations: RegistrationStore | None = None
    timeout: float = 30.0  # seconds for one request


class Provider(Protocol):
    """A way to write TXT records. ``name`` is relative to the zone, empty for the zone itself."""

    info: ClassVar[ProviderInfo]

    def __init__(self, context: ProviderContext) -> None: ...

    async def zones(self) -> list[Zone]:
        """Return the zones that the credential can manage; empty if that cannot be listed.

        A caller with an empty list finds the zone by asking the DNS.
        """
        ...

    async def add_txt(self, zone: Zone, name: str, value: str, ttl: int) -> None:
        """Make ``value`` one of the TXT values at ``name``. ``ttl`` is in seconds."""
        ...

    async def remove_txt(self, zone: Zone, name: str, value: str) -> None:
        """Make ``value`` none of the TXT values at ``name``."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@runtime_checkable
class DelegatedProvider(Protocol):
    """A provider that publishes at a name of its own, to which a CNAME must lead (acme-dns)."""

    async def target(self, domain: DomainName, *, create: bool) -> DomainName | None:
        """Return where the values of ``domain`` (without ``*.``) are published.

        Without a registration: made when ``create`` is true, else None.
        """
        ...
