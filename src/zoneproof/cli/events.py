"""Tells events to people as lines of text, or to programs as lines of JSON."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any

import click
import msgspec

from zoneproof.cli.output import json_line
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import printable
from zoneproof.issuance import Emit, Event, RecordsDeletable, TaskFailed, Warned
from zoneproof.issuance.event_texts import News, describe, describe_in_full


class Telling(Enum):
    """How a command tells what it does: to people, with more or nothing but errors, or as JSON."""

    NORMAL = "normal"
    QUIET = "quiet"
    VERBOSE = "verbose"
    JSON = "json"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Telling:
        """Return what the options say. Raises InvalidInputError for more than one of them."""
        ways = {"quiet": cls.QUIET, "verbose": cls.VERBOSE, "as_json": cls.JSON}
        said = [way for name, way in ways.items() if options[name]]
        if len(said) > 1:
            raise InvalidInputError("choose one of --quiet, --verbose and --json")
        if options["verbose"]:
            _tell_requests()
        return said[0] if said else cls.NORMAL

    @property
    def is_for_people(self) -> bool:
        """Whether results are told in words."""
        return self in (Telling.NORMAL, Telling.VERBOSE)


def _tell_requests() -> None:
    logger = logging.getLogger("zoneproof.acme")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("           %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


def _tell_nothing(_: Event) -> None:
    """Take an event that nobody wants to hear of."""


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


def tell_news(event: Event) -> None:
    """Print what a person has to know of, or to do, where nobody follows the other events."""
    if isinstance(event, RecordsDeletable):
        click.echo(f"zoneproof: {printable(describe(event))}", err=True)
    tell_warning(event)


def draws() -> bool:
    """Tell whether progress can be drawn, because a person looks at a terminal that can do it."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


@contextmanager
def telling_progress(how: Telling) -> Iterator[Emit]:
    """Give what tells the events of one order, in the way that suits who reads them."""
    if how is Telling.JSON:
        yield json_line
    elif how is Telling.NORMAL and draws():
        from zoneproof.cli.live import LiveLines

        with LiveLines("asking the DNS") as view:
            yield view.emit_for("")
    else:
        yield emitters(how)("")


def emitters(how: Telling) -> Callable[[str], Emit]:
    """Return what tells the events of each certificate, its name on every line."""
    if how is Telling.JSON:
        return json_line_of
    if how is Telling.QUIET:
        return lambda _: _tell_nothing
    in_full = how is Telling.VERBOSE
    return lambda name: Lines(indent=f"{name}  " if name else "", in_full=in_full)


class Lines:
    """Prints a line for each event that says something new, with the seconds since the start."""

    def __init__(self, *, indent: str = "", in_full: bool = False) -> None:
        self._start = time.monotonic()
        self._indent = indent
        self._news = News(describe_in_full if in_full else describe)

    def __call__(self, event: Event) -> None:
        """Print the event."""
        text = self._news.text(event)
        if not text:
            return
        seconds = click.style(f"{time.monotonic() - self._start:6.2f} s", dim=True)
        warning = isinstance(event, TaskFailed | Warned)
        click.echo(
            f"{self._indent}{seconds}  {click.style(text, fg='yellow') if warning else text}",
            err=warning,
        )
