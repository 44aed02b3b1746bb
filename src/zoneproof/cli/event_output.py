"""Tells events to people as lines of text, or to programs as lines of JSON."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import msgspec

from zoneproof.cli.event_texts import describe
from zoneproof.cli.json_output import json_line
from zoneproof.errors import printable
from zoneproof.issuance import (
    Emit,
    Event,
    PropagationWaiting,
    Warned,
)


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
