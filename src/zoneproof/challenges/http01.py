"""The http-01 challenge (RFC 8555 section 8.3): what answers it, its method and its solver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, Self

import msgspec

from zoneproof.acme.keys import check_token
from zoneproof.challenges.dns_persist01 import Applicant
from zoneproof.challenges.events import AnswerServed
from zoneproof.challenges.method import Detail
from zoneproof.challenges.preflight import Finding, MethodPreflight
from zoneproof.challenges.solver import ChallengeTask, Scope
from zoneproof.challenges.webroot import Leftover
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import Resolver
from zoneproof.providers import Zone

TYPE = "http-01"


def path(token: str) -> str:
    """Return the URL path that the CA requests; its body is the key authorization."""
    return f"/.well-known/acme-challenge/{check_token(token)}"


class HttpResponder(Protocol):
    """Makes key authorizations appear at ``/.well-known/acme-challenge/<token>``.

    Putting a token twice and removing one that is not there succeed. Every method may raise
    HttpResponderError, and InvalidInputError where its folder is not there; a token that is not
    base64url raises AcmeConnectionError.
    """

    @property
    def where(self) -> str:
        """Where the answers are, for people: ``files below /var/www``."""
        ...

    async def check(self) -> None:
        """See whether answers could be given; nothing is left changed."""
        ...

    def leftover(self, token: str) -> Leftover | None:
        """Return what a crash after :meth:`put` would leave behind, None for nothing.

        Such a responder's answers are removed by way of the journal, all others by
        :meth:`remove`.
        """
        ...

    async def put(self, token: str, key_authorization: str) -> None:
        """Answer for the token from now on."""
        ...

    async def remove(self, token: str) -> None:
        """Answer for the token no more."""
        ...

    async def close(self) -> None:
        """Remove what this responder still answers, and release what it holds."""
        ...


class HttpMethod(msgspec.Struct, frozen=True, eq=False):
    """Validation by http-01, for names that have a web server, and for IP addresses."""

    type: ClassVar[str] = TYPE
    resolver: ClassVar[None] = None
    provider: ClassVar[None] = None

    responder: HttpResponder

    def for_account(self, account_url: str) -> Self:
        """Return the method: it is the same for all accounts."""
        del account_url
        return self

    def challenge_name(self, domain: DomainName) -> None:
        """Return nothing: the CA asks the web server."""
        del domain

    def check(self, identifier: Identifier) -> None:
        """Raise InvalidInputError for a wildcard."""
        if identifier.is_wildcard:
            raise InvalidInputError(
                f"{identifier} is a wildcard, which http-01 cannot validate: choose a DNS provider"
            )

    async def require_usable(self) -> None:
        """See whether the folder or port can be used.

        Raises InvalidInputError for a folder that is not there, else HttpResponderError.
        """
        await self.responder.check()

    def details(self, zone: Zone | None) -> tuple[Detail, ...]:
        """Return where the answers are."""
        del zone
        return (Detail("answered by", "answered_by", self.responder.where, self.responder.where),)


class Http01:
    """The solver for http-01."""

    stays: ClassVar[bool] = False

    async def plan(
        self, wanted: Sequence[tuple[Identifier, HttpMethod]], resolver: Resolver, *, register: bool
    ) -> list[None]:
        """Return no names: nothing is written to the DNS."""
        del resolver, register
        return [None for _ in wanted]

    async def preflight(
        self,
        wanted: Sequence[tuple[Identifier, HttpMethod]],
        resolver: Resolver,
        applicant: Applicant | None,
    ) -> list[MethodPreflight]:
        """See whether each folder and port can be used."""
        del resolver, applicant
        methods = list(dict.fromkeys(method for _, method in wanted))
        found = dict(zip(methods, await all_at_once(map(_check, methods)), strict=True))
        return [MethodPreflight(None, None, found[method]) for _, method in wanted]

    def prepare(
        self, tasks: Sequence[ChallengeTask[HttpMethod]], scope: Scope
    ) -> PreparedHttpAnswers:
        """Return the answers to all challenges."""
        for task in tasks:
            check_token(task.token)
        return PreparedHttpAnswers(tasks, scope)


async def _check(method: HttpMethod) -> tuple[Finding, ...]:
    try:
        await method.require_usable()
    except ZoneproofError as error:
        return (Finding(error.message),)
    return ()


class PreparedHttpAnswers(msgspec.Struct, frozen=True):
    """The answers to the http-01 challenges of one order."""

    tasks: Sequence[ChallengeTask[HttpMethod]]
    scope: Scope

    async def publish(self) -> None:
        """Write down the files among the answers, then put all at once.

        Raises HttpResponderError; where a file cannot be written, none leaves anything behind.
        """
        files = []
        for task in self.tasks:
            responder = task.method.responder
            if found := responder.leftover(task.token):
                await responder.check()
                files.append(found)
        await self.scope.ledger.will_write(files)
        await all_at_once(map(self._put, self.tasks))

    async def _put(self, task: ChallengeTask[HttpMethod]) -> None:
        responder: HttpResponder = task.method.responder
        await responder.put(task.token, task.key_authorization)
        self.scope.emit(AnswerServed(str(task.identifier), responder.where))

    async def wait(self) -> None:
        """Do nothing: the answers are there."""

    async def clean_up(self) -> None:
        """Remove the answers of this process that no crash could leave behind."""
        for task in self.tasks:
            if task.method.responder.leftover(task.token) is None:
                await task.method.responder.remove(task.token)
