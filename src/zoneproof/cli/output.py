"""Tells events to people as lines of text, or to programs as lines of JSON."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import click
import msgspec

from zoneproof.errors import ZoneproofError, printable
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


def json_text(value: object, *, indent: int = -1) -> str:
    """Return a value as JSON, escaped wherever a terminal could take it for more than text."""
    text = msgspec.json.encode(value).decode()
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escaped(char) for char in text)
    return msgspec.json.format(text, indent=indent)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def json_line(event: Event) -> None:
    """Print an event as one line of JSON."""
    click.echo(json_text(event))


def json_line_of(certificate: str) -> Callable[[Event], None]:
    """Return what prints an event of one of several certificates, with its name."""

    def print_event(event: Event) -> None:
        fields = msgspec.to_builtins(event)
        click.echo(json_text({"certificate": certificate, **fields}))

    return print_event


def json_error(error: ZoneproofError) -> None:
    """Print an error as one line of JSON."""
    click.echo(
        json_text(
            {
                "event": "error",
                "kind": type(error).__name__,
                "message": printable(error.message),
                "records": error.records,
                "exit_code": error.exit_code,
            }
        )
    )


@contextmanager
def telling_errors(*, as_json: bool) -> Iterator[None]:
    """Tell an error as a line of JSON, and exit with its code, if JSON is wanted."""
    try:
        yield
    except ZoneproofError as error:
        if not as_json:
            raise
        json_error(error)
        raise SystemExit(error.exit_code) from error


def draws() -> bool:
    """Tell whether progress can be drawn, because a person looks at a terminal that can do it."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


@contextmanager
def telling_progress(*, as_json: bool) -> Iterator[Emit]:
    """Give what tells the events of one order, in the way that suits who reads them."""
    if as_json:
        yield json_line
    elif draws():
        from zoneproof.cli.live import LiveView

        with LiveView("asking the DNS") as view:
            yield view.emit_for("")
    else:
        yield Lines()


def json_document(value: object) -> None:
    """Print a value as one indented JSON document."""
    click.echo(json_text(value, indent=2))


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
        "valid": f"{leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}",
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


def _moment(text: str) -> str:
    return f"{text[:16].replace('T', ' ')} UTC"


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
        f"certificate issued by {event.issuer}, valid until {_moment(event.not_after)}"
    ),
    FilesWritten: lambda event: f"written to {event.folder}: {', '.join(event.files)}",
    RecordRemoved: lambda event: f"TXT {event.name} = {event.value} removed ({event.provider})",
    FileRemoved: lambda event: f"challenge file {event.token} removed from {event.webroot}",
    Warned: lambda event: f"warning: {event.message}",
}
