"""What is told about a certificate, whether it is news, and how it reads in plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from zoneproof.core import times
from zoneproof.core.text import count, printable
from zoneproof.manager.certificates.renewal_state import Lifetime, Moment

Kind = Literal["failing", "expiring", "awaiting_user", "renewed", "not_deployed", "key_expiring"]

HEADLINES = {
    "failing": "renewal fails",
    "expiring": "expires soon",
    "awaiting_user": "waits for you",
    "renewed": "renewed",
    "not_deployed": "issued, not deployed",
    "key_expiring": "its key expires",
    "test": "this is a test",
}
_LONGEST = 2000  # characters of one text


class Notice(msgspec.Struct, frozen=True):
    """One thing to tell. ``message`` is a line; ``records`` are to be created, in zone-file form.

    ``kind`` is also ``test``, for the message that a person asks for to see whether it arrives.
    ``expires_at`` is the present certificate's end, None without one; ``at`` is when it happened.
    ``key_expiring`` is about a ``credential``, and ``certificate`` empty then; so it is where no
    certificate can be renewed.
    Moments are timezone-aware, in UTC.
    """

    kind: Kind | Literal["test"]
    certificate: str
    identifiers: tuple[str, ...]
    message: str
    at: Moment
    records: tuple[str, ...] = ()
    expires_at: Moment | None = None
    credential: str = ""

    @property
    def about(self) -> str:
        """What it is about, in words."""
        if self.credential:
            return f"credential {self.credential}"
        return self.certificate or "all certificates"


def fit_to_send(notice: Notice) -> Notice:
    """Return the notice with texts on one line each, printable and not endless.

    They repeat what CAs, DNS servers and providers say.
    """
    return replace(
        notice,
        certificate=_line(notice.certificate),
        credential=_line(notice.credential),
        identifiers=tuple(_line(name) for name in notice.identifiers),
        message=_line(notice.message),
        records=tuple(_line(record) for record in notice.records),
    )


def subject(notices: Sequence[Notice]) -> str:
    """Return one line that sums the notices up."""
    if len(notices) == 1:
        return _title(notices[0])
    counts = Counter(HEADLINES[notice.kind] for notice in notices)
    kinds = ", ".join(f"{headline} ({number})" for headline, number in counts.items())
    certificates = {notice.certificate for notice in notices if not notice.credential}
    credentials = {notice.credential for notice in notices if notice.credential}
    if len(certificates) + len(credentials) == 1:
        return f"{notices[0].about}: {kinds}"
    several = ((certificates, "certificate"), (credentials, "credential"))
    things = " and ".join(count(len(found), word) for found, word in several if found)
    return f"{things}: {kinds}"


def as_text(notices: Sequence[Notice]) -> str:
    """Return the notices as plain text, with records that can be pasted into a zone file.

    It stands below the :func:`subject`, which is the title of a notice that is alone.
    """
    if len(notices) == 1:
        return _paragraph(notices[0])
    return "\n".join(f"{_title(notice)}\n{_paragraph(notice)}" for notice in notices)


def _title(notice: Notice) -> str:
    headline = HEADLINES[notice.kind]
    return headline if notice.kind == "test" else f"{notice.about}: {headline}"


def _paragraph(notice: Notice) -> str:
    lines = [notice.message]
    if notice.kind == "renewed" and notice.message:
        lines = [f"Reason: {notice.message}"]
    if notice.identifiers:
        lines.append(f"Names: {', '.join(notice.identifiers)}")
    if notice.expires_at:
        lines.append(f"The certificate expires at {times.at(notice.expires_at)}.")
    if notice.records:
        lines += ["Create:", *notice.records]
    return "\n".join(line for line in lines if line) + "\n"


def _line(text: str) -> str:
    line = printable(" ".join(text[: _LONGEST + 1].split()))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


_DAILY = timedelta(days=1)
_REMIND = timedelta(days=3)
_THIRD = 3  # the failure after which another account is tried, and a person should look
_LATE = timedelta(days=7)


class Notified(msgspec.Struct, frozen=True):
    """What was last told about one certificate; the empty one is the first.

    ``failures`` counts those since the last renewal, and ``undeployed`` those of its deployment
    since. ``failing_at``, ``undeployed_at``, ``expiring_at`` and ``awaiting_at`` are when each was
    last told; ``awaiting_records`` is what was asked for.
    ``renewed_until`` is the end of the certificate whose renewal was told.
    """

    failures: int = 0
    failing_at: Moment | None = None
    expiring_at: Moment | None = None
    awaiting_at: Moment | None = None
    awaiting_records: tuple[str, ...] = ()
    renewed_until: Moment | None = None
    undeployed: int = 0
    undeployed_at: Moment | None = None


def should_notify(previous: Notified, notice: Notice, now: datetime) -> tuple[bool, Notified]:
    """Tell whether to send the notice, and return what to keep in ``previous``'s place.

    Call it once for each failed attempt, pause and renewal, and for each look at a certificate
    that is expiring.

    - failing, not deployed: the first failure, the third, then once a day while attempts fail;
    - expiring: at once, then daily;
    - awaiting user: at once, when other records are asked for, else every three days;
    - renewed: once for each certificate; it also forgets the rest;
    - a test: always.
    """
    match notice.kind:
        case "failing":
            failures = previous.failures + 1
            is_news = _is_news(failures, previous.failing_at, now)
            told_at = now if is_news else previous.failing_at
            return is_news, replace(previous, failures=failures, failing_at=told_at)
        case "not_deployed":
            failures = previous.undeployed + 1
            is_news = _is_news(failures, previous.undeployed_at, now)
            told_at = now if is_news else previous.undeployed_at
            return is_news, replace(previous, undeployed=failures, undeployed_at=told_at)
        case "expiring":
            if not _is_over(previous.expiring_at, _DAILY, now):
                return False, previous
            return True, replace(previous, expiring_at=now)
        case "awaiting_user":
            known = previous.awaiting_records == notice.records
            if known and not _is_over(previous.awaiting_at, _REMIND, now):
                return False, previous
            return True, replace(previous, awaiting_at=now, awaiting_records=notice.records)
        case "renewed":
            fresh = notice.expires_at is None or previous.renewed_until != notice.expires_at
            return fresh, Notified(renewed_until=notice.expires_at)
        case "test" | "key_expiring":  # which is judged by the credential
            return True, previous


def is_expiring(lifetime: Lifetime, now: datetime) -> bool:
    """Tell whether so little is left that a renewal should have worked: a quarter, or 7 days.

    The less of the two counts. A third would be where the renewal of longer lifetimes only begins;
    at a quarter it has failed for a twelfth of the lifetime or more: for 40 of 160 hours.
    """
    return lifetime.not_after - now < min(lifetime.total / 4, _LATE)


def _is_news(failures: int, told_at: datetime | None, now: datetime) -> bool:
    is_late = failures > _THIRD and _is_over(told_at, _DAILY, now)
    return failures in (1, _THIRD) or is_late


def _is_over(at: datetime | None, wait: timedelta, now: datetime) -> bool:
    """Tell whether the wait since ``at`` is over, or the clock was set back behind it."""
    return at is None or now - at >= wait or at > now
