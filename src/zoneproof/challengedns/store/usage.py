"""What tenants use by month, and when registrations last got a value: counted beside the updates.

An update only counts in memory. Once in a while the service writes what has come together, a few
rows in a transaction; what a crash takes is the last minute's counts.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from zoneproof.challengedns.store import last_questions
from zoneproof.challengedns.store.last_questions import LastQuestion
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.core.errors import UnconfirmedChangeError, ZoneproofError
from zoneproof.storage import Transaction, columns_of, record

if TYPE_CHECKING:
    from zoneproof.challengedns.store.database import Database

K = TypeVar("K")
V = TypeVar("V")

_AT_ONCE = 500  # rows in a transaction: updates that come meanwhile hardly wait
_MOST_QUESTIONS = 20_000  # registrations that may be asked for in a minute: of others it is lost
_DAY = 86_400


@dataclass(frozen=True)
class MonthOfTenant:
    """What a tenant used in a month, such as ``2027-02`` (UTC).

    ``registrations`` is how many it had at the month's end, or now; ``peak`` the most at a time;
    ``updates`` how many values were published by way of the API.
    """

    tenant: str
    month: str
    registrations: int
    peak: int
    updates: int


_USAGE = columns_of(MonthOfTenant)


@dataclass
class UseCounter:
    """What has come together since it was last written. For one thread."""

    _updates: Counter[tuple[str, str]] = field(default_factory=Counter)
    _updated: dict[str, int] = field(default_factory=dict)
    _asked: dict[str, LastQuestion] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be written."""
        return not (self._updates or self._updated or self._asked)

    def note_update(self, registration: RegistrationRow, now: int) -> None:
        """Count a value that was published."""
        self._updated[registration.subdomain] = now
        if registration.tenant is not None:
            self._updates[registration.tenant, month_of(now)] += 1

    def note_questions(self, asked: Mapping[str, LastQuestion]) -> None:
        """Keep the last question for each subdomain, as far as there is room."""
        for subdomain, question in asked.items():
            if subdomain in self._asked or len(self._asked) < _MOST_QUESTIONS:
                self._asked[subdomain] = question

    def take(self) -> Counts:
        """Return some of what has come together, which is then no longer here."""
        return Counts(_take(self._updates), _take(self._updated), _take(self._asked))

    def put_back(self, counts: Counts) -> None:
        """Keep what could not be written."""
        self._updates.update(counts.updates)
        self._updated = {**counts.updated, **self._updated}
        self._asked = {**counts.asked, **self._asked}


def _take(found: dict[K, V]) -> dict[K, V]:
    return {key: found.pop(key) for key in list(itertools.islice(found, _AT_ONCE))}


@dataclass(frozen=True)
class Counts:
    """Updates by tenant and month; the latest times, and the last questions, by subdomain."""

    updates: dict[tuple[str, str], int]
    updated: dict[str, int]
    asked: dict[str, LastQuestion]

    def __bool__(self) -> bool:
        return bool(self.updates or self.updated or self.asked)


def month_of(now: float) -> str:
    """Return the month of a time, as ``2027-02``, in UTC."""
    return _month_of_day(int(now // _DAY))


@functools.lru_cache(maxsize=2)
def _month_of_day(days: int) -> str:
    return f"{datetime.fromtimestamp(days * _DAY, UTC):%Y-%m}"


# --- writing -----------------------------------------------------------------------------------


async def write_out(database: Database, use: UseCounter, now: float) -> None:
    """Write all that has come together, and how many registrations tenants have in this month.

    Raises StorageError; what was not written then waits for the next time. What may be written all
    the same does not: counted once more it would be billed twice.
    """
    while counts := use.take():
        try:
            await database.note(functools.partial(write, counts=counts))
        except UnconfirmedChangeError:
            raise
        except ZoneproofError:
            use.put_back(counts)
            raise
    month = month_of(now)
    await database.note(lambda tx: note_registrations(tx, month))


def write(tx: Transaction, counts: Counts) -> None:
    """Add counts to what is known."""
    for (tenant, month), count in sorted(counts.updates.items()):
        tx.execute(
            f"INSERT INTO challenge_usage ({_USAGE}) VALUES (?, ?, 0, 0, ?)"  # noqa: S608
            " ON CONFLICT (tenant, month) DO UPDATE"
            " SET updates = challenge_usage.updates + excluded.updates",
            [tenant, month, count],
        )
    # In one order, so that nodes that write the same rows never wait for each other in a circle.
    for subdomain, time in sorted(counts.updated.items()):
        tx.execute(
            "INSERT INTO challenge_activity (subdomain, updated_at)"
            " SELECT subdomain, CAST(? AS BIGINT) FROM challenge_registration WHERE subdomain = ?"
            " ON CONFLICT (subdomain) DO UPDATE SET updated_at = excluded.updated_at",
            [time, subdomain],
        )
    last_questions.write(tx, counts.asked)


def note_registrations(tx: Transaction, month: str) -> None:
    """Take up in a month's usage how many registrations each tenant has, and had at most."""
    tx.execute(
        f"INSERT INTO challenge_usage ({_USAGE})"  # noqa: S608
        " SELECT name, CAST(? AS TEXT), registrations, peak, 0 FROM challenge_tenant WHERE true"
        " ON CONFLICT (tenant, month) DO UPDATE SET registrations = excluded.registrations,"
        " peak = CASE WHEN excluded.peak > challenge_usage.peak THEN excluded.peak"
        " ELSE challenge_usage.peak END"
        " WHERE excluded.registrations <> challenge_usage.registrations"
        " OR excluded.peak > challenge_usage.peak",
        [month],
    )
    tx.execute("UPDATE challenge_tenant SET peak = registrations WHERE peak <> registrations")


# --- reading -----------------------------------------------------------------------------------


def of_month(tx: Transaction, month: str) -> list[MonthOfTenant]:
    """Return what all tenants used in a month, by name."""
    rows = tx.query(
        f"SELECT {_USAGE} FROM challenge_usage WHERE month = ? ORDER BY tenant",  # noqa: S608
        [month],
    )
    return [record(MonthOfTenant, row, strict=False) for row in rows]


def of_tenant(tx: Transaction, tenant: str, limit: int = 24) -> list[MonthOfTenant]:
    """Return what a tenant used, the latest month first."""
    rows = tx.query(
        f"SELECT {_USAGE} FROM challenge_usage WHERE tenant = ? ORDER BY month DESC LIMIT ?",  # noqa: S608
        [tenant, limit],
    )
    return [record(MonthOfTenant, row, strict=False) for row in rows]


def months(tx: Transaction, limit: int = 36) -> list[str]:
    """Return the months of which there is something, the latest first."""
    rows = tx.query(
        "SELECT DISTINCT month FROM challenge_usage ORDER BY month DESC LIMIT ?", [limit]
    )
    return [str(month) for (month,) in rows]


def last_updates(tx: Transaction, subdomains: Iterable[str]) -> dict[str, int]:
    """Return when registrations last got a value, in seconds since 1970; of those that ever did."""
    wanted = list(subdomains)
    if not wanted:
        return {}
    rows = tx.query(
        "SELECT subdomain, updated_at FROM challenge_activity WHERE subdomain IN"  # noqa: S608
        f" ({', '.join('?' * len(wanted))})",
        wanted,
    )
    return {str(subdomain): int(str(time)) for subdomain, time in rows}
