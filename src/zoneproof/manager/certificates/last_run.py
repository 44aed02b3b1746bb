"""When a renewal run last looked at all certificates, and whether none does although it is time.

The time of an empty file says when: it has room on a full disk, and needs no database.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from zoneproof.core import times
from zoneproof.manager.certificates.state import CertificateSummary
from zoneproof.manager.home import Home

_FILE = "last-renewal"
_OVERDUE = timedelta(hours=1)
_SILENT = timedelta(days=1)


def note_run(home: Home) -> None:
    """Note that a run looks at all certificates now."""
    with suppress(OSError):
        (home.path / _FILE).touch(mode=0o600)


def _last_run(home: Home) -> datetime | None:
    try:
        return datetime.fromtimestamp((home.path / _FILE).stat().st_mtime, UTC)
    except OSError:
        return None


def nothing_renews(home: Home, found: Iterable[CertificateSummary], now: datetime) -> str:
    """Say that nothing renews the certificates, of which one is overdue; empty if something does.

    Those that are not to be renewed, are paused or wait for a person are not counted.
    """
    overdue = [one for one in found if _is_overdue(one, now)]
    if not overdue:
        return ""
    last = _last_run(home)
    if last and abs(now - last) < _SILENT:
        return ""
    since = f"since {times.at_and_distance(last, now)}" if last else "in this home yet"
    return (
        f"no renewal has run {since}: start the timer of 'zoneproof renew', or keep 'zoneproof run'"
        " running"
    )


def _is_overdue(one: CertificateSummary, now: datetime) -> bool:
    if one.renew_at is None or one.renew_at > now or one.status == "awaiting user":
        return False
    return (one.next_attempt_at or one.renew_at) <= now - _OVERDUE
