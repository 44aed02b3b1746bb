"""Tells events to people as lines of text, or to programs as lines of JSON."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click
import msgspec

from zoneproof import moments
from zoneproof.cli.json_output import json_line
from zoneproof.errors import printable
from zoneproof.issuance import (
    AnswerServed,
    CertificateIssued,
    ChallengesAnswered,
    DelegationFound,
    Emit,
    Event,
    FileRemoved,
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
from zoneproof.manager import Outcome

_PARTS = ("cert", "chain")  # which fullchain.pem holds


def json_line_of(certificate: str) -> Callable[[Event], None]:
    """Return what prints an event of one of several certificates, with its name."""

    def print_event(event: Event) -> None:
        fields = msgspec.to_builtins(event)
        json_line({"certificate": certificate, **fields})

    return print_event


def tell_warning(event: Event) -> None:
    """Print an event if it is a warning, where nobody follows the others."""
    if isinstance(event, Warned):
        click.echo(f"zoneproof: warning: {printable(event.message)}", err=True)


def draws() -> bool:
    """Tell whether progress can be drawn, because a person looks at a terminal that can do it."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def heard_or_not(emit: Emit) -> Emit:
    """Return what tells events while somebody reads; work goes on when the pipe's reader left."""

    def tell(event: Event) -> None:
        try:
            emit(event)
        except BrokenPipeError:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except BrokenPipeError:
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

    return tell


@contextmanager
def telling_progress(*, as_json: bool) -> Iterator[Emit]:
    """Give what tells the events of one order, in the way that suits who reads them."""
    if as_json:
        yield heard_or_not(json_line)
    elif draws():
        from zoneproof.cli.live import LiveView

        with LiveView("asking the DNS") as view:
            yield view.emit_for("")
    else:
        yield heard_or_not(Lines())


class Lines:
    """Prints a line for each event that says something new, with the seconds since the start."""

    def __init__(self, *, indent: str = "") -> None:
        self._start = time.monotonic()
        self._indent = indent
        self._last: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        """Print the event."""
        text = printable(describe(event))
        subject = event.name if isinstance(event, PropagationWaiting) else ""
        if not text or text == self._last.get(subject):
            return
        self._last[subject] = text
        seconds = click.style(f"{time.monotonic() - self._start:6.2f} s", dim=True)
        warning = isinstance(event, Warned)
        click.echo(
            f"{self._indent}{seconds}  {click.style(text, fg='yellow') if warning else text}",
            err=warning,
        )


def tell_certificate(outcome: Outcome, *, indent: str = "  ") -> None:
    """Print what a certificate is, and where the files are that a server wants."""
    chain = outcome.issued.chain
    leaf = chain.leaf
    rows = {
        "names": ", ".join(chain.names),
        "issuer": chain.issuer,
        "valid until": moments.at_and_distance(leaf.not_valid_after_utc, datetime.now(UTC)),
        **{path.stem: str(path) for path in outcome.files if path.stem not in _PARTS},
    }
    click.echo("")
    print_rows(rows, indent=indent)


def print_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below a heading, in columns."""
    lines = [heading, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        click.echo(printable("  ".join(cells).rstrip()))


def print_rows(rows: Mapping[str, str], *, indent: str = "  ") -> None:
    """Print names and texts below one another."""
    width = max((len(name) for name in rows), default=0)
    for name, text in rows.items():
        click.echo(f"{indent}{name:{width}}  {printable(text)}")


def describe(event: Event) -> str:
    """Return what an event says to a person, in one line; empty if nothing."""
    for kind, text in _TEXTS.items():
        if isinstance(event, kind):
            return text(event)
    return ""


def _waiting(event: PropagationWaiting) -> str:
    reasons = "; ".join(event.reasons)
    if event.waits:
        return f"waiting {event.waits:.0f} s for DNS to have {event.name}: {reasons}"
    return f"waiting for DNS: {reasons}"


def _visible(event: RecordsVisible) -> str:
    notes = f" ({'; '.join(event.notes)})" if event.notes else ""
    return f"DNS has the values at {count(event.names, 'name')}{notes}"


def count(number: int, word: str) -> str:
    """Return a number of things in words."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


_TEXTS: dict[type[Event], Callable[..., str]] = {
    DelegationFound: lambda event: "delegation: " + " -> ".join(event.chain),
    OrderCreated: lambda event: f"order placed for {', '.join(event.identifiers)}",
    OrderResumed: lambda event: f"order of an earlier run goes on ({event.status})",
    RecordPublished: lambda event: f"TXT {event.name} = {event.value} published ({event.provider})",
    AnswerServed: lambda event: f"{event.identifier} answered over HTTP ({event.where})",
    PropagationWaiting: _waiting,
    RecordsVisible: _visible,
    ChallengesAnswered: lambda event: f"{count(event.count, 'challenge')} handed to the CA",
    OrderStatus: lambda event: f"the CA says: {event.status}",
    CertificateIssued: lambda event: (
        f"certificate issued by {event.issuer}, valid until {moments.at(event.not_after)}"
    ),
    FilesWritten: lambda event: f"written to {event.folder}: {', '.join(event.files)}",
    RecordRemoved: lambda event: f"TXT {event.name} = {event.value} removed ({event.provider})",
    FileRemoved: lambda event: f"challenge file {event.token} removed from {event.webroot}",
    Warned: lambda event: f"warning: {event.message}",
}
