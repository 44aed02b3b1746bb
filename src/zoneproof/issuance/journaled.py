"""What the journal holds: orders, what they published, and what could not be removed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from zoneproof.challenges.dns01 import ChallengeRecord
from zoneproof.challenges.webroot import Leftover
from zoneproof.core.names import DomainName, Identifier
from zoneproof.core.secretive import Secretive
from zoneproof.providers import Provider, TxtRecord, Zone


class JournaledOrder(Secretive, frozen=True, kw_only=True):
    """An order as the journal knows it. ``private_key`` is PEM, there from before finalisation
    unless no key of the vault can still open it.
    """

    certificate: str
    directory_url: str
    account_url: str
    order_url: str
    identifiers: tuple[Identifier, ...]
    profile: str
    private_key: bytes | None = None
    id: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))


_FIRST_PAUSE = timedelta(minutes=10)
_LONGEST_PAUSE = timedelta(days=1)
LONGEST_TRYING = timedelta(days=30)


class FailedRemoval(msgspec.Struct, frozen=True):
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


class PublishedRecord(Secretive, frozen=True):
    """A TXT value that is about to be, or is, in the DNS, and how to remove it.

    ``fields`` are the provider's at the time, None where no key can still open them; the stored
    ``credential``, if it has a name, may have other ones by now. ``opened`` is the provider in the
    run that publishes it. ``failed`` tells of tries to remove it.
    """

    order_id: str
    provider: str
    zone: Zone
    name: str
    value: str
    ttl: int
    fields: Mapping[str, str] | None
    credential: str = ""
    id: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    failed: FailedRemoval | None = None
    opened: Provider | None = None

    @classmethod
    def of(cls, record: ChallengeRecord, order_id: str) -> PublishedRecord:
        """Return what the journal has to know of a record that an order is about to publish."""
        method = record.method
        return cls(
            order_id,
            method.slug,
            record.zone,
            record.name,
            record.value,
            method.record_ttl,
            method.fields,
            method.credential,
            opened=method.provider,
        )

    @property
    def full_name(self) -> DomainName:
        """The name of the record."""
        return self.zone.record(self.name)

    @property
    def record(self) -> TxtRecord:
        """The record as providers take it."""
        return TxtRecord(self.name, self.value, self.ttl)

    @property
    def what(self) -> str:
        """The record in words."""
        return f"the TXT value {self.value} at {self.full_name}"


class HttpFile(msgspec.Struct, frozen=True):
    """A file that is about to be, or is, in a web server's folder.

    ``failed`` tells of tries to remove it.
    """

    order_id: str
    leftover: Leftover
    id: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    failed: FailedRemoval | None = None

    @property
    def path(self) -> Path:
        """The file's path."""
        return self.leftover.path

    @property
    def what(self) -> str:
        """The file in words."""
        return f"the file {self.path}"
