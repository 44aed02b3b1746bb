"""What pages show of the manager's facts, in the form in which templates want it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from zoneproof.core.names import readable, with_readable
from zoneproof.core.text import some
from zoneproof.issuance import Emit, Event, RecordsDeletable, Warned
from zoneproof.issuance.event_texts import describe
from zoneproof.manager import CertificateSummary
from zoneproof.manager.certificates.details import expiry_text, remark, renewal_text

_SOON = timedelta(days=7)


def noting_news(news: list[str]) -> Emit:
    """Return what adds to the texts what a person has to know of, or to do."""

    def emit(event: Event) -> None:
        if isinstance(event, RecordsDeletable | Warned):
            news.append(describe(event))

    return emit


@dataclass(frozen=True)
class LifeBar:
    """How much of a lifetime is left: ``percent`` of it; ``kind`` is "", ``warn`` or ``bad``."""

    percent: int
    kind: str
    text: str

    @classmethod
    def of(cls, summary: CertificateSummary, now: datetime) -> LifeBar | None:
        """Return the bar of a certificate, None without one."""
        begins, ends = summary.not_before, summary.not_after
        if begins is None or ends is None:
            return None
        left, whole = max(ends - now, timedelta()), max(ends - begins, timedelta(seconds=1))
        percent = min(round(100 * left / whole), 100)
        kind = "bad" if left < min(_SOON, whole / 6) else ""
        if not kind and summary.renew_at and summary.renew_at <= now:
            kind = "warn"
        return cls(percent, kind, f"{percent} % of its lifetime is left")


@dataclass(frozen=True)
class CertificateRow:
    """A certificate in a list."""

    summary: CertificateSummary
    names: str
    expires: str
    renews: str
    remark: str
    bar: LifeBar | None

    @classmethod
    def of(cls, summary: CertificateSummary, now: datetime, most: int = 3) -> CertificateRow:
        """Return the row of a certificate, which shows so many of its names."""
        names = [with_readable(name) for name in summary.identifiers if name != summary.name]
        if readable(summary.name) != summary.name:
            names.insert(0, readable(summary.name))
        return cls(
            summary,
            some(names, most),
            expiry_text(summary, now),
            renewal_text(summary, now),
            remark(summary, now),
            LifeBar.of(summary, now),
        )


@dataclass(frozen=True)
class Action:
    """What helps: a button that posts to ``path``, or where ``is_link`` a page to open."""

    text: str
    path: str
    is_link: bool = False


_WORST_FIRST = (
    ("damaged",),
    ("expired", "revoked"),
    ("failing", "paused", "missing"),
    ("awaiting user",),
    ("not deployed",),
)


def severity(summary: CertificateSummary, now: datetime) -> tuple[object, ...]:
    """Return what sorts those that need attention: first the worst, last the never obtained."""
    rank = next(
        (place for place, words in enumerate(_WORST_FIRST) if summary.status in words),
        len(_WORST_FIRST),
    )
    bar = LifeBar.of(summary, now)
    is_near = bar is not None and bar.kind == "bad"
    ends = summary.not_after or datetime.max.replace(tzinfo=UTC)
    return is_never_obtained(summary), min(rank, 1) if is_near else rank, ends, summary.name


def is_never_obtained(summary: CertificateSummary) -> bool:
    """Tell whether there is no certificate yet; of a damaged one nobody knows."""
    return summary.not_after is None and summary.status != "damaged"


_HELP = {
    "awaiting user": ("Look again", "resume"),
    "failing": ("Try again", "resume"),
    "not deployed": ("Deploy", "deploy"),
    "missing": ("Request", "renew"),
    "damaged": ("", ""),
}


def helpful(summary: CertificateSummary) -> Action:
    """Return the one action that helps a certificate that needs attention."""
    path = f"/certificates/{summary.name}"
    text, action = _HELP.get(summary.status, ("Renew", "renew"))
    if summary.status in ("valid", "not renewed", "due") and summary.expiring_keys:
        return Action("See the key", f"/credentials/{next(iter(summary.expiring_keys))}", True)
    if not action:
        return Action("See why", path, True)
    return Action(text, f"{path}/{action}")
