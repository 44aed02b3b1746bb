"""Every error that Zoneproof raises on purpose: one tree, one line of text each.

An error says what is wrong, where, and what to do. It is raised where the fact is known and
turned into text in one place (``zoneproof.cli``), which prints it and exits with ``exit_code``.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@contextmanager
def ungrouped() -> Iterator[None]:
    """Let an ExceptionGroup come out as what it began with, which is what can be acted on.

    The others are what failed, or was cancelled, because of it.
    """
    first: BaseException | None = None
    try:
        yield
    except BaseExceptionGroup as group:
        first = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if first is not None:
        raise first


class ZoneproofError(Exception):
    """The root of the tree.

    ``message`` is one line for people. ``records`` are DNS records to create, in zone-file form,
    printed below the message.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, records: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.records = tuple(records)


class InvalidInputError(ZoneproofError):
    """Something that a person typed or wrote in a file cannot be used."""

    exit_code = 2


class NotFoundError(InvalidInputError):
    """There is nothing of the name that was given."""


class InvalidNameError(InvalidInputError):
    """A text that should be a domain name or an IP address is none."""


class NotRegisteredError(InvalidInputError):
    """Something depends on an account at a CA that is not registered yet."""


class NoDnsMethodError(InvalidInputError):
    """A wildcard has no method with dns-01, which alone can validate it; ``name`` is its domain."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class ConfigError(InvalidInputError):
    """A configuration file or value cannot be used."""


class AwaitingUserError(ZoneproofError):
    """Work stopped until a person has created the ``records``; running it again continues.

    ``certificate`` names the stored certificate that can be resumed, if there is one.
    """

    exit_code = 3

    def __init__(self, message: str, *, records: Sequence[str] = (), certificate: str = "") -> None:
        super().__init__(message, records=records)
        self.certificate = certificate


class BusyError(ZoneproofError):
    """Another process, or another run of this one, holds what is needed."""


class HeldUpError(ZoneproofError):
    """What an order needs is down, as another order of the same run has found out.

    ``failures`` is how often that one failed in a row, ``again_at`` when it is tried again.
    """

    def __init__(
        self, message: str, *, failures: int = 0, again_at: datetime | None = None
    ) -> None:
        super().__init__(message)
        self.failures = failures
        self.again_at = again_at


class StorageError(ZoneproofError):
    """The database or a state file cannot be read or written."""


class MissingPasswordError(StorageError):
    """A database wants a password, and none was found."""


class UnconfirmedChangeError(StorageError):
    """A change is stored, but not every node has said that it answers with it."""


class DamagedDatabaseError(StorageError):
    """A database's file does not hold what was written: only a backup helps."""


class VaultError(ZoneproofError):
    """A stored secret cannot be sealed or opened."""


class BugError(ZoneproofError):
    """Something went wrong that nobody foresaw, in work that must not stop other work."""

    exit_code = 70

    @classmethod
    def of(cls, error: Exception) -> BugError:
        """Return one that says where; not what the error says, which may hold a secret."""
        import traceback

        where = traceback.extract_tb(error.__traceback__)[-1]
        return cls(
            f"a bug in Zoneproof: {type(error).__name__} in line {where.lineno} of"
            f" {where.filename}; please report it"
        )


class ExhaustedError(ZoneproofError):
    """The system gives this process no more of what all work needs."""

    @classmethod
    def of(cls, error: BaseException | None) -> ExhaustedError | None:
        """Return one for an error that means it, else None."""
        number = error.errno if isinstance(error, OSError) else None
        return cls(_EXHAUSTED[number]) if number in _EXHAUSTED else None


_EXHAUSTED: Mapping[int | None, str] = {
    errno.EMFILE: "this process may open no more files: raise its limit ('ulimit -n' in a shell,"
    " LimitNOFILE= in a systemd unit)",
    errno.ENFILE: "this machine can open no more files: end what has too many open, or raise the"
    " limit fs.file-max",
    errno.ENOMEM: "this machine has no memory left for this process: free some, or raise its limit",
    errno.ENOSPC: "the disk is full: free some space",
}


def unforeseen(error: Exception) -> ZoneproofError:
    """Return the error for what was not raised on purpose: what is exhausted, or a bug."""
    return ExhaustedError.of(error) or BugError.of(error)


class RegistrationError(ZoneproofError):
    """The challenge service refuses a request; ``code`` is the word that its API answers.

    ``registration`` is the subdomain that the request was about, where that is known.
    """

    def __init__(self, message: str, *, code: str, registration: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.registration = registration


# --- DNS ---------------------------------------------------------------------------------------


class DnsError(ZoneproofError):
    """A question to the DNS got no usable answer."""


class DnsUnreachableError(DnsError):
    """No answer came, or none that belongs to the question."""


class DnsServerError(DnsError):
    """A server answered, and its answer is of no use.

    ``rcode`` is REFUSED, SERVFAIL and so on, or empty where the answer's content is the fault.
    """

    def __init__(self, message: str, *, rcode: str = "") -> None:
        super().__init__(message)
        self.rcode = rcode


class DnsNotAuthoritativeError(DnsServerError):
    """What answers in an authoritative server's place is none: a redirection, or a wrong NS."""


class NoSuchDomainError(DnsError):
    """The DNS says that the name does not exist (NXDOMAIN)."""


class DelegationError(DnsError):
    """The CNAME chain from a challenge name loops, is too long or leads to the wrong place."""


class PropagationError(DnsError):
    """The authoritative servers did not all show the value in time."""


class CaaError(DnsError):
    """CAA records keep the CA from issuing."""


# --- http-01 -----------------------------------------------------------------------------------


class HttpResponderError(ZoneproofError):
    """An http-01 challenge cannot be answered: the port or the web server's folder is not ours."""


# --- providers ---------------------------------------------------------------------------------


class ProviderError(ZoneproofError):
    """A provider could not do what it was asked; the message names it and repeats its words.

    ``changed_nothing`` tells that nothing can have been written; ``refuses`` is what a class says
    of that where the one who raises it does not. ``outcomes`` are those of a batch's records, None
    for what was done, where each record has one of its own.
    """

    refuses: ClassVar[bool] = False

    def __init__(
        self, message: str, *, records: Sequence[str] = (), changed_nothing: bool | None = None
    ) -> None:
        super().__init__(message, records=records)
        self.changed_nothing = self.refuses if changed_nothing is None else changed_nothing
        self.outcomes: Mapping[object, ZoneproofError | None] = {}

    def of(self, record: object) -> ZoneproofError | None:
        """Return what became of a record of the batch that failed: its own error, None if done."""
        return self.outcomes.get(record, self)


class ProviderCredentialsError(ProviderError):
    """The provider does not accept the credentials."""

    refuses = True


class ProviderPermissionError(ProviderError):
    """The credentials are right, and do not allow this."""

    refuses = True


class ProviderZoneError(ProviderError):
    """The provider has no such zone."""

    refuses = True


class ProviderQuotaError(ProviderError):
    """The provider's quota or rate limit is used up."""

    refuses = True


class ProviderUnavailableError(ProviderError):
    """The provider does not answer, or answers with an error of its own."""


class ProviderConflictError(ProviderError):
    """What was to be written has changed at the provider since it was read."""

    refuses = True


class AlreadyDoneError(ProviderError):
    """The provider refuses what is so already: the record exists, or is gone."""

    refuses = True


# --- ACME --------------------------------------------------------------------------------------


class AcmeError(ZoneproofError):
    """The CA could not be used."""


class AcmeConnectionError(AcmeError):
    """The CA does not answer, or answers with something that is not ACME.

    ``status`` is the HTTP status of such an answer if that is not a 2xx, else 0.
    """

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Subproblem:
    """One identifier's part of a problem (RFC 8555 section 6.7.1)."""

    identifier: str
    type: str
    detail: str


class AcmeProblemError(AcmeError):
    """The CA answered with a problem document (RFC 7807, RFC 8555 section 6.7).

    ``type`` is the full URN; decisions are made on it, never on the text. ``retry_at`` is the
    earliest moment at which the CA wants to be asked again.
    """

    def __init__(
        self,
        message: str,
        *,
        type: str,  # noqa: A002  the RFC's field name
        detail: str,
        status: int,
        subproblems: Sequence[Subproblem] = (),
        retry_at: datetime | None = None,
        url: str = "",
    ) -> None:
        super().__init__(message)
        self.type = type
        self.detail = detail
        self.status = status
        self.subproblems = tuple(subproblems)
        self.retry_at = retry_at
        self.url = url

    def is_type(self, name: str) -> bool:
        """Tell whether the type is ``urn:ietf:params:acme:error:<name>``."""
        return self.type == f"urn:ietf:params:acme:error:{name}"


class RateLimitedError(AcmeProblemError):
    """The CA wants fewer requests; ``retry_at`` says when to come back."""


class AccountPausedError(AcmeProblemError):
    """The CA paused this account for these names: trying again does not help, its portal does."""


class UserActionRequiredError(AcmeProblemError):
    """The CA waits for its account holder to do something, which ``url`` describes."""


class TermsNotAgreedError(AcmeError):
    """The CA's terms of service, found at ``url``, must be agreed to first.

    ``bare`` is the message without the ``remedy``, how to agree.
    """

    def __init__(self, message: str, *, url: str, remedy: str = "") -> None:
        super().__init__(f"{message}; read them, then {remedy}" if remedy else message)
        self.url = url
        self.bare = message

    def with_remedy(self, remedy: str) -> TermsNotAgreedError:
        """Return the error that says how to agree here."""
        return TermsNotAgreedError(self.bare, url=self.url, remedy=remedy)


class OrderFailedError(AcmeError):
    """An order became invalid, or its certificate is not what was ordered: only a new order helps.

    The message names each failing identifier and the CA's reason.
    ``failures`` holds the same for programs.
    """

    def __init__(self, message: str, *, failures: Sequence[Subproblem] = ()) -> None:
        super().__init__(message)
        self.failures = tuple(failures)


# --- deployment --------------------------------------------------------------------------------


class DeploymentError(ZoneproofError):
    """A task could not do what it is for; the message says what is in its way."""


class KubernetesError(ZoneproofError):
    """A cluster cannot be reached, or refuses what was asked; the message says which and why."""
