"""What the journal remembers: orders, TXT values, and files that answer over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

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


_FIRST_PAUSE = timedelta(minutes=10)
_LONGEST_PAUSE = timedelta(days=1)
LONGEST_TRYING = timedelta(days=30)


@dataclass(frozen=True)
class FailedRemoval:
    """That something could not be removed: ``tries`` times since ``since``, lastly for ``error``.

    It is tried again from ``next_try_at`` on, after pauses of ten minutes and then each twice as
    long as the one before, up to a day. Moments are in UTC.
    """

    since: datetime
    tries: int
    next_try_at: datetime
    error: str

    def is_due(self, now: datetime) -> bool:
        """Tell whether to try again; a clock that was ahead is waited for no longer than a day."""
        return not now < self.next_try_at <= now + _LONGEST_PAUSE

    def is_over(self, now: datetime) -> bool:
        """Tell whether it was tried for so long that it is given up."""
        return now - self.since >= LONGEST_TRYING

    @classmethod
    def after(cls, before: FailedRemoval | None, error: str, now: datetime) -> FailedRemoval:
        """Return what one more failure makes of it."""
        tries = before.tries + 1 if before else 1
        pause = min(_FIRST_PAUSE * 2 ** min(tries - 1, 10), _LONGEST_PAUSE)
        return cls(before.since if before else now, tries, now + pause, error)


@dataclass(frozen=True)
class Publication:
    """A TXT value that is about to be, or is, in the DNS, and how to remove it.

    ``fields`` are the provider's at the time, None where no key opens them any more; the stored
    ``credential``, if it has a name, may have other ones by now. ``failed`` tells of tries to
    remove it.
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
    failed: FailedRemoval | None = None

    @property
    def full_name(self) -> DomainName:
        """The name of the record."""
        return self.zone.record(self.name)

    @property
    def what(self) -> str:
        """The record in words."""
        return f"the TXT value {self.value} at {self.full_name}"


@dataclass(frozen=True)
class HttpFile:
    """A file that is about to be, or is, in a web server's folder.

    ``failed`` tells of tries to remove it.
    """

    order_id: str
    leftover: Leftover
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    failed: FailedRemoval | None = None

    @property
    def path(self) -> Path:
        """The file's path."""
        return self.leftover.path

    @property
    def what(self) -> str:
        """The file in words."""
        return f"the file {self.path}"
