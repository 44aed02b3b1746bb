"""Tells events to people as lines of text, or to programs as lines of JSON."""

from __future__ import annotations

import time
from collections.abc import Callable

import click
import msgspec

from zoneproof.errors import ZoneproofError
from zoneproof.issuance import (
    CertificateIssued,
    ChallengesAnswered,
    DelegationFound,
    Event,
    FilesWritten,
    OrderCreated,
    OrderResumed,
    OrderStatus,
    PropagationWaiting,
    RecordPublished,
    RecordRemoved,
    RecordsVisible,
    Warned,
)


def json_line(event: Event) -> None:
    """Print an event as one line of JSON."""
    click.echo(msgspec.json.encode(event))


def json_error(error: ZoneproofError) -> None:
    """Print an error as one line of JSON."""
    click.echo(
        msgspec.json.encode(
            {
                "event": "error",
                "kind": type(error).__name__,
                "message": error.message,
                "records": error.records,
                "exit_code": error.exit_code,
            }
        )
    )


class Lines:
    """Prints a line for each event that says something new, with the seconds since the start."""

    def __init__(self, *, indent: str = "") -> None:
        self._start = time.monotonic()
        self._indent = indent
        self._last = ""

    def __call__(self, event: Event) -> None:
        """Print the event."""
        text = describe(event)
        if not text or text == self._last:
            return
        self._last = text
        seconds = click.style(f"{time.monotonic() - self._start:6.2f} s", dim=True)
        warning = isinstance(event, Warned)
        click.echo(
            f"{self._indent}{seconds}  {click.style(text, fg='yellow') if warning else text}",
            err=warning,
        )


def describe(event: Event) -> str:
    """Return what an event says to a person, in one line; empty if nothing."""
    for kind, text in _TEXTS.items():
        if isinstance(event, kind):
            return text(event)
    return ""


def _visible(event: RecordsVisible) -> str:
    notes = f" ({'; '.join(event.notes)})" if event.notes else ""
    return f"DNS has the values at {_count(event.names, 'name')}{notes}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


_TEXTS: dict[type[Event], Callable[..., str]] = {
    DelegationFound: lambda event: "delegation: " + " -> ".join(event.chain),
    OrderCreated: lambda event: f"order placed for {', '.join(event.identifiers)}",
    OrderResumed: lambda event: f"order of an earlier run goes on ({event.status})",
    RecordPublished: lambda event: f"TXT {event.name} = {event.value} published ({event.provider})",
    PropagationWaiting: lambda event: "waiting for " + ", ".join(event.waiting_for),
    RecordsVisible: _visible,
    ChallengesAnswered: lambda event: f"{_count(event.count, 'challenge')} handed to the CA",
    OrderStatus: lambda event: f"the CA says: {event.status}",
    CertificateIssued: lambda event: (
        f"certificate issued by {event.issuer}, valid until {event.not_after}"
    ),
    FilesWritten: lambda event: f"written to {event.folder}: {', '.join(event.files)}",
    RecordRemoved: lambda event: f"TXT {event.name} = {event.value} removed ({event.provider})",
    Warned: lambda event: f"warning: {event.message}",
}
