"""Draws at a terminal what is happening: a line for each identifier or each certificate.

Lines that stay scroll up above the drawing, which is gone at the end. Imported only where there is
something to draw, since rich is large.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zoneproof.core.text import count, printable
from zoneproof.issuance import (
    CertificateIssued,
    ChallengesAnswered,
    DelegationFound,
    Emit,
    Event,
    FileRemoved,
    FilesWritten,
    OrderCreated,
    OrderResumed,
    RecordAwaited,
    RecordRemoved,
    RecordsDeletable,
    RecordsVisible,
    TaskDone,
    TaskFailed,
    Warned,
)
from zoneproof.issuance.event_texts import describe
from zoneproof.issuance.progress import OrderProgress, State, chosen, summary

_REFRESHES = 4  # a second
_NOTED = (
    DelegationFound,
    OrderCreated,
    OrderResumed,
    RecordsVisible,
    ChallengesAnswered,
    CertificateIssued,
    FilesWritten,
    RecordAwaited,
    RecordsDeletable,
    TaskDone,
    TaskFailed,
    Warned,
)
_NOTED_OF_MANY = (DelegationFound, FilesWritten, RecordsDeletable, TaskDone, TaskFailed, Warned)
_BAD = TaskFailed | Warned
_MOST_NAMES = 5  # in a line that stays
_MARGIN = 2  # lines below the drawing, and above it for the last line that stays


class LiveLines:
    """A context in which the drawing is on the screen.

    With ``each`` the lines are certificates, for each of which :meth:`emit_for` gives what takes
    its events; otherwise they are the identifiers of one order. ``beginning`` is shown before the
    first event.
    """

    def __init__(
        self,
        beginning: str,
        *,
        each: bool = False,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console(highlight=False, emoji=False, markup=False)
        self._beginning = beginning
        self._each = each
        self._clock = clock
        self._started = clock()
        self._orders: dict[str, OrderProgress] = {}
        # Events come in one thread, and the screen is drawn in another.
        self._lock = threading.Lock()
        self._live = Live(
            console=self._console,
            get_renderable=self.drawing,
            refresh_per_second=_REFRESHES,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        for order in [] if self._each else self._orders.values():
            if order.published:
                removed = f", {order.removed} removed" if order.removed else ""
                values = count(order.published, "TXT value")
                self._keep("", f"{values} published{removed}")

    def emit_for(self, name: str) -> Emit:
        """Return what takes the events of the certificate."""

        def emit(event: Event) -> None:
            with self._lock:
                order = self._orders.setdefault(name, OrderProgress())
                order.apply(event, self._clock())
            # What is removed before there is a plan was left by an earlier run.
            cleaned = isinstance(event, RecordRemoved | FileRemoved) and not order.states
            if cleaned or isinstance(event, _NOTED_OF_MANY if self._each else _NOTED):
                self._live.refresh()  # so that the drawing says nothing older than the line
                shown = f"{name}  " if self._each and name else ""
                self._keep(shown, _in_short(event), "yellow" if isinstance(event, _BAD) else "")

        return emit

    def finish(self, name: str) -> None:
        """Take the certificate's line away."""
        with self._lock:
            self._orders.pop(name, None)
            self._beginning = ""
        self._live.refresh()

    def print(self, text: str, style: str = "") -> None:
        """Print a line that stays, above the drawing."""
        self._console.print(_shown(text, style), soft_wrap=True)

    def _keep(self, name: str, text: str, style: str = "") -> None:
        line = Text.assemble(
            name, (f"{self._clock() - self._started:6.2f} s", "dim"), "  ", (printable(text), style)
        )
        self._console.print(line, soft_wrap=True)

    def drawing(self) -> Table:
        """Return what is on the screen now."""
        now = self._clock()
        with self._lock:
            states = self._states()
            beginning = self._beginning
        if not states and beginning:
            states = [State(beginning, 0, "", self._started)]
        longest = max((len(printable(one.subject)) for one in states), default=0)
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(width=0)
        table.add_column(
            no_wrap=True, overflow="ellipsis", width=min(longest, self._console.width * 2 // 5)
        )
        table.add_column(no_wrap=True, justify="right", width=len("600 s"))
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        shown, others = chosen(states, self._console.height - _MARGIN)
        for one in shown:
            age = "" if one.is_validated else f"{now - one.since:.0f} s"
            style = "green" if one.is_validated else ""
            table.add_row("", _shown(one.subject), _shown(age, "dim"), _shown(one.text, style))
        if others:
            table.add_row("", f"and {len(others)} more", "", _shown(summary(others)))
        return table

    def _states(self) -> list[State]:
        if not self._each:
            return [one for order in self._orders.values() for one in order.states.values()]
        merged = (order.as_one(name) for name, order in self._orders.items())
        return [one for one in merged if one]


def _in_short(event: Event) -> str:
    if isinstance(event, OrderCreated) and len(event.identifiers) > _MOST_NAMES:
        return f"order placed for {count(len(event.identifiers), 'name')}"
    return describe(event)


def _shown(text: str, style: str = "") -> Text:
    return Text(printable(text), style)
