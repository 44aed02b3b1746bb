"""What solves all challenges of one type in an order, and what the order hands to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import ClassVar, Generic, Protocol, TypeVar

import msgspec

from zoneproof.challenges.dns01 import ChallengeRecord
from zoneproof.challenges.dns_persist01 import Applicant
from zoneproof.challenges.events import Emit
from zoneproof.challenges.method import Method
from zoneproof.challenges.preflight import MethodPreflight
from zoneproof.challenges.routing import PlannedName
from zoneproof.challenges.webroot import Leftover
from zoneproof.core.names import DomainName, Identifier
from zoneproof.core.secretive import Secretive
from zoneproof.dnsquery import Resolver
from zoneproof.providers import Provider

M = TypeVar("M", bound=Method)


class ChallengeTask(Secretive, Generic[M], frozen=True):
    """A challenge that the CA wants to see solved, by the identifier's method.

    ``name`` is where the plan has its record go, None for a type without records. ``token`` and
    ``key_authorization`` (RFC 8555 section 8.1) are empty for a type that has no token;
    ``issuers`` are the CA's names for a record, of a type that has these. ``with_wildcard`` tells
    that the order has the wildcard of the domain, whose own challenge may be solved already.
    """

    identifier: Identifier
    method: M
    name: PlannedName | None
    token: str
    key_authorization: str
    issuers: tuple[str, ...] = ()
    with_wildcard: bool = False


class Ledger(Protocol):
    """Where an order writes down what is about to be published, to remove it whatever happens."""

    async def will_publish(
        self, records: Sequence[ChallengeRecord], *, alone_at: Collection[DomainName] = ()
    ) -> set[DomainName]:
        """Write down the records, all or none.

        None, if other orders at work have values at names ``alone_at``: these are returned.
        """
        ...

    async def will_be_created(self, records: Sequence[str]) -> None:
        """Write down records, in zone-file form, that a person has to create."""
        ...

    async def forget(self, record: ChallengeRecord) -> None:
        """Strike out a record that was surely never written."""
        ...

    async def will_write(self, files: Sequence[Leftover]) -> None:
        """Write down the files."""
        ...


class NoLedger:
    """For what stays: nothing is written down, so nothing is removed."""

    async def will_publish(
        self, records: Sequence[ChallengeRecord], *, alone_at: Collection[DomainName] = ()
    ) -> set[DomainName]:
        """Let it be published at once."""
        del records, alone_at
        return set()

    async def will_be_created(self, records: Sequence[str]) -> None:
        """Do nothing."""

    async def forget(self, record: ChallengeRecord) -> None:
        """Do nothing."""

    async def will_write(self, files: Sequence[Leftover]) -> None:
        """Do nothing."""


class Others(Protocol):
    """The other orders of a run, as one order sees them."""

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """Return what to enter while there is nothing to do but to wait."""
        ...

    async def admit(self, provider: Provider) -> None:
        """Wait while another order finds out whether the provider works.

        Raises HeldUpError if it does not. Else it is to be used at once, in :meth:`trying`.
        """
        ...

    def trying(self, provider: Provider) -> AbstractContextManager[None]:
        """Return what to use the provider in, so that others hear what comes of it."""
        ...


class Alone:
    """For an order that is the only one."""

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """Return what does nothing."""
        return nullcontext()

    async def admit(self, provider: Provider) -> None:
        """Wait for nobody."""

    def trying(self, provider: Provider) -> AbstractContextManager[None]:
        """Return what does nothing."""
        del provider
        return nullcontext()


class Scope(msgspec.Struct, frozen=True):
    """What an order hands to its solvers. ``resumed`` tells that an earlier run has begun it.

    ``applicant`` is the account that asks, None where nothing has to be known of it.
    """

    ledger: Ledger
    resolver: Resolver
    emit: Emit
    others: Others = msgspec.field(default_factory=Alone)
    resumed: bool = False
    applicant: Applicant | None = None


class Prepared(Protocol):
    """The challenges of one type in an order: published, waited for and cleaned up."""

    async def publish(self) -> None:
        """Publish what answers them all, after it is in the order's ledger.

        Raises AwaitingUserError where a person has to do it, and what the publishing raises.
        """
        ...

    async def wait(self) -> None:
        """Return when the CA can see all of it. Raises DnsError."""
        ...

    async def clean_up(self) -> None:
        """Remove what ends with this process; what is in the ledger, the order removes."""
        ...


class Solver(Protocol[M]):
    """One challenge type. It sees all of an order at once: what names share is done once.

    What a solver publishes that ``stays`` is for every order to come, as a record is that names
    the account: the order hands it :class:`NoLedger`, and cleans nothing up.
    """

    stays: ClassVar[bool]

    async def plan(
        self,
        wanted: Sequence[tuple[Identifier, M]],
        resolver: Resolver,
        *,
        register: bool,
    ) -> Sequence[PlannedName | None]:
        """Return where the record of each identifier goes; None for a type without records.

        Only ``register`` lets anything change. Raises InvalidInputError, DnsError,
        DelegationError and ProviderError.
        """
        ...

    async def preflight(
        self,
        wanted: Sequence[tuple[Identifier, M]],
        resolver: Resolver,
        applicant: Applicant | None,
    ) -> Sequence[MethodPreflight]:
        """Return for each identifier what would happen; nothing is changed and nothing raised.

        ``applicant`` is the account that would ask, None for one that is not known yet.
        """
        ...

    def prepare(self, tasks: Sequence[ChallengeTask[M]], scope: Scope) -> Prepared:
        """Return what is to be published for all the tasks; nothing is done yet."""
        ...
