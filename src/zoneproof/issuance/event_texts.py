"""What the events of an order say to people."""

from __future__ import annotations

from collections.abc import Callable

from zoneproof.challenges.events import (
    AnswerServed,
    Event,
    PropagationWaiting,
    RecordAwaited,
    RecordPublished,
    RecordsVisible,
    RecordVisible,
    Warned,
)
from zoneproof.core import times
from zoneproof.core.text import count, printable
from zoneproof.issuance.events import (
    CertificateIssued,
    ChallengesAnswered,
    DelegationFound,
    FileRemoved,
    FilesWritten,
    OrderCreated,
    OrderPlanned,
    OrderResumed,
    OrderStatus,
    RecordRemoved,
    RecordsDeletable,
    TaskDone,
    TaskFailed,
)


def describe(event: Event) -> str:
    """Return what an event says to a person, in one line; empty if nothing."""
    for kind, text in _TEXTS.items():
        if isinstance(event, kind):
            return text(event)
    return ""


def describe_in_full(event: Event) -> str:
    """Return what :func:`describe` does, or of an event that says nothing there what it means."""
    match event:
        case OrderPlanned(names):
            places = (f"{name} at {place}" if place else name for name, place in names.items())
            return f"planned: {', '.join(places)}"
        case OrderCreated(url):
            return f"{describe(event)} ({url})"
        case OrderResumed(url):
            return f"{describe(event)} ({url})"
        case RecordVisible(name, waits):
            return f"DNS has the values at {name}" + (
                f", waiting {waits:g} s more" if waits else ""
            )
        case CertificateIssued(_, _, serial):
            return f"{describe(event)}, serial number {serial}"
    return describe(event)


class News:
    """Picks out of an order's events what says something new, as text.

    What each name waits for is told once for as long as it stays the same.
    """

    def __init__(self, describe: Callable[[Event], str] = describe) -> None:
        self._describe = describe
        self._last: dict[str, str] = {}

    def text(self, event: Event) -> str:
        """Return what the event says, on one line; empty for nothing new."""
        text = printable(self._describe(event))
        subject = event.name if isinstance(event, PropagationWaiting) else ""
        if text == self._last.get(subject):
            return ""
        if text:
            self._last[subject] = text
        return text


def _waiting(event: PropagationWaiting) -> str:
    reasons = "; ".join(event.reasons)
    if event.waits:
        return f"waiting {event.waits:.0f} s for DNS to have {event.name}: {reasons}"
    return f"waiting for DNS: {reasons}"


def _visible(event: RecordsVisible) -> str:
    notes = f" ({'; '.join(event.notes)})" if event.notes else ""
    if not event.names:
        return f"continuing without checking the DNS{notes}"
    return f"DNS has the values at {count(event.names, 'name')}{notes}"


def awaited(event: RecordAwaited) -> str:
    """Return how it stands with a record that a person creates: seen or missing, and where."""
    if event.status == "unknown":
        return f"not known: {event.note}"
    note = f" ({event.note})" if event.note else ""
    return f"{event.status} at {', '.join(event.servers)}{note}"


def _deletable(event: RecordsDeletable) -> str:
    what = "this record" if len(event.records) == 1 else "these records"
    return f"you can delete {what} now: {'; '.join(event.records)}"


_TEXTS: dict[type[Event], Callable[..., str]] = {
    DelegationFound: lambda event: "delegation: " + " -> ".join(event.chain),
    OrderCreated: lambda event: f"order placed for {', '.join(event.identifiers)}",
    OrderResumed: lambda event: f"continuing the order of an earlier run ({event.status})",
    RecordPublished: lambda event: f"TXT {event.name} = {event.value} published ({event.provider})",
    AnswerServed: lambda event: f"{event.identifier} answered over HTTP ({event.where})",
    PropagationWaiting: _waiting,
    RecordsVisible: _visible,
    RecordAwaited: lambda event: f"{event.record} {awaited(event)}",
    RecordsDeletable: _deletable,
    ChallengesAnswered: lambda event: f"{count(event.count, 'challenge')} handed to the CA",
    OrderStatus: lambda event: f"the CA says: {event.status}",
    CertificateIssued: lambda event: (
        f"certificate issued by {event.issuer}, valid until {times.at(event.not_after)}"
    ),
    FilesWritten: lambda event: f"written to {event.folder}: {', '.join(event.files)}",
    RecordRemoved: lambda event: f"TXT {event.name} = {event.value} removed ({event.provider})",
    FileRemoved: lambda event: f"challenge file {event.token} removed from {event.webroot}",
    TaskDone: lambda event: f"{event.task}: {event.text}",
    TaskFailed: lambda event: f"not deployed: {event.task}: {event.error}",
    Warned: lambda event: f"warning: {event.message}",
}
