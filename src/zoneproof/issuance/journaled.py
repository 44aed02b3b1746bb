"""What the journal remembers: orders, TXT values, and files that answer over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from zoneproof.http01 import Leftover
from zoneproof.names import DomainName, Identifier
from zoneproof.providers import Zone


@dataclass(frozen=True)
class JournaledOrder:
    """An order as the journal knows it. ``private_key`` is PEM, there from before finalisation
    unless no key of the vault opens it any more.
    """

    id: str
    certificate: str
    directory_url: str
    account_url: str
    order_url: str
    identifiers: tuple[Identifier, ...]
    profile: str
    private_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Publication:
    """A TXT value that is about to be, or is, in the DNS, and how to remove it.

    ``fields`` are the provider's at the time, None where no key opens them any more; the stored
    ``credential``, if it has a name, may have other ones by now.
    """

    order_id: str
    provider: str
    zone: Zone
    name: str
    value: str
    ttl: int
    fields: Mapping[str, str] | None = field(repr=False)
    credential: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def full_name(self) -> DomainName:
        """The name of the record."""
        return self.zone.record(self.name)


@dataclass(frozen=True)
class HttpFile:
    """A file that is about to be, or is, in a web server's folder."""

    order_id: str
    leftover: Leftover
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
