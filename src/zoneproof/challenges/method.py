"""What every authorization method has, whatever its challenge type."""

from __future__ import annotations

from typing import ClassVar, Protocol, Self

import msgspec

from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import Resolver
from zoneproof.providers import Provider, Zone


class Detail(msgspec.Struct, frozen=True):
    """Something to know of a method: ``label`` and ``text`` are for people, the rest for programs.

    Where the text is empty, people are shown nothing.
    """

    label: str
    key: str
    text: str
    value: str


class Method(Protocol):
    """An authorization method, ready to use. ``type`` names its solver among all of them.

    Two methods are never equal, however alike they are.
    """

    type: ClassVar[str]

    @property
    def resolver(self) -> Resolver | None:
        """What answers for the names of this method instead of the run's, if anything."""
        ...

    @property
    def provider(self) -> Provider | None:
        """What it publishes with, if others may use that, too."""
        ...

    def for_account(self, account_url: str) -> Self:
        """Return the method for the CA's account with the URL, where that makes a difference."""
        ...

    def challenge_name(self, domain: DomainName) -> DomainName | None:
        """Return where in the DNS the CA looks, for ``domain`` without ``*.``; None for nowhere.

        Raises NotRegisteredError where that depends on an account, and the method is for none yet.
        """
        ...

    def check(self, identifier: Identifier) -> None:
        """Raise InvalidInputError if the method cannot validate such an identifier at all."""
        ...

    async def require_usable(self) -> None:
        """See whether this machine has what it needs; nothing is changed.

        Raises InvalidInputError for what is not there, such as a program or a folder, and another
        ZoneproofError for what can be otherwise at another time or for another user.
        """
        ...

    def details(self, zone: Zone | None) -> tuple[Detail, ...]:
        """Return what people and programs are told of it; ``zone`` is what it writes to, if any."""
        ...
