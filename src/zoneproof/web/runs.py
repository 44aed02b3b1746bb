"""Work that continues without a viewer: its numbered events, and its result.

A run lives in this process. What it does to certificates is under the same locks as the commands,
and in their history and logs; this is for whoever looks at it while it happens.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from zoneproof.core.errors import (
    AwaitingUserError,
    NotFoundError,
    ProviderError,
    ZoneproofError,
    unforeseen,
    ungrouped,
)
from zoneproof.issuance import Emit, Event, RecordAwaited, RecordsDeletable, TaskFailed, Warned
from zoneproof.issuance.event_texts import News
from zoneproof.issuance.progress import OrderProgress, State
from zoneproof.manager import Home, Manager, Outcome, Renewal, RunOptions, open_manager
from zoneproof.manager.certificates.circumstances import credentials_of

_KEPT, _MOST_OF_ALL = 200, 100_000  # runs, and events of all
_MOST_LINES, _MOST_EVENTS = 5000, 20_000  # of a run
STILL_HERE = 15.0
"""Seconds after which a stream without news says that it lives."""

RunState = Literal["running", "done", "failed", "awaiting user", "stopped"]
Work = Callable[[Manager, "WebRun"], Awaitable[object]]


@dataclass(frozen=True)
class Line:
    """What an event says, of one certificate; ``number`` is its place among the run's events."""

    number: int
    at: datetime
    certificate: str
    text: str
    is_bad: bool


@dataclass
class WebRun:
    """One run: ``certificates`` are those that it is about, ``title`` says what it does.

    ``result`` is what the work returned, ``error`` why it failed or paused. ``deletable`` are
    records that a person created and that are of no more use, ``credentials`` the stored ones that
    it tests, or on which it failed.
    """

    title: str
    certificates: tuple[str, ...]
    who: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    state: RunState = "running"
    number: int = 0
    events: list[tuple[int, str, Event]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    sightings: dict[str, RecordAwaited] = field(default_factory=dict)
    credentials: tuple[str, ...] = ()
    deletable: dict[str, None] = field(default_factory=dict)
    result: Any = None
    error: ZoneproofError | None = None
    _orders: dict[str, OrderProgress] = field(default_factory=dict)
    _news: dict[str, News] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.state != "running"

    def emit(self, event: Event) -> None:
        """Take an event of the run's only certificate."""
        self._take(self.certificates[0] if len(self.certificates) == 1 else "", event)

    def emit_for(self, name: str) -> Emit:
        """Return what takes the events of a certificate."""
        return lambda event: self._take(name, event)

    def _take(self, name: str, event: Event) -> None:
        self.number += 1
        if len(self.events) < _MOST_EVENTS:
            self.events.append((self.number, name, event))
        self._orders.setdefault(name, OrderProgress()).apply(event, time.time())
        if isinstance(event, RecordAwaited):
            self.sightings[event.record] = event
        if isinstance(event, RecordsDeletable):
            self.deletable.update(dict.fromkeys(event.records))
        text = self._news.setdefault(name, News()).text(event)
        if text and len(self.lines) < _MOST_LINES:
            bad = isinstance(event, TaskFailed | Warned)
            self.lines.append(Line(self.number, datetime.now(UTC), name, text, bad))
        self.tell()

    def tell(self) -> None:
        """Wake all who wait for news."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def news(self, seen: int, seconds: float) -> bool:
        """Wait until there is more than event ``seen``, or it is over; False if time passed."""
        changed = self._changed
        if self.number > seen or self.is_over:
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), seconds)
            return True
        return False

    def events_after(self, number: int) -> list[tuple[int, str, Event]]:
        """Return later events: the first of all has number 1."""
        return self.events[number:]

    def lines_after(self, number: int) -> list[Line]:
        """Return the lines of later events."""
        return [line for line in self.lines if line.number > number]

    @property
    def states(self) -> list[State]:
        """How each identifier stands, or each certificate where there are several."""
        if len(self.certificates) < 2:
            return [one for order in self._orders.values() for one in order.states.values()]
        merged = (order.as_one(name) for name, order in self._orders.items())
        return [one for one in merged if one]

    @property
    def outcomes(self) -> list[Outcome]:
        """The certificates that it has obtained."""
        results = self.result if isinstance(self.result, list) else [self.result]
        found = (one.outcome if isinstance(one, Renewal) else one for one in results)
        return [one for one in found if isinstance(one, Outcome)]

    @property
    def records(self) -> list[tuple[str, RecordAwaited | None]]:
        """The records that a person has to create, with what was last seen of each."""
        wanted = self.error.records if isinstance(self.error, AwaitingUserError) else ()
        return [(record, self.sightings.get(record)) for record in wanted]


def event_number(text: str) -> int:
    """Return the number of the last event that a browser or a program says it has seen."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


class Runs:
    """The runs of this process."""

    def __init__(self, home: Home, options: RunOptions | None = None) -> None:
        self._home = home
        self._options = options or RunOptions()
        self._runs: OrderedDict[str, WebRun] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, run_id: str) -> WebRun:
        """Return the run. Raises InvalidInputError for one that is not here, or no longer."""
        found = self._runs.get(run_id)
        if found is None:
            raise NotFoundError(
                "this run is unknown, or too long ago: see the certificate's history for its result"
            )
        return found

    def of(self, certificate: str) -> WebRun | None:
        """Return the run that works on the certificate now, or None."""
        for run in reversed(self._runs.values()):
            if not run.is_over and certificate in run.certificates:
                return run
        return None

    def latest(self) -> list[WebRun]:
        """Return all that are remembered, the newest first."""
        return list(reversed(self._runs.values()))

    def start(self, run: WebRun, work: Work, options: RunOptions | None = None) -> WebRun:
        """Begin the work, with the home opened for it."""
        self._runs[run.id] = run
        self._forget()
        task = asyncio.get_running_loop().create_task(
            self._do(run, work, options or self._options), name=f"run {run.id}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    def _forget(self) -> None:
        """Forget the oldest that are over, as long as there are too many, or events of them."""
        events = sum(len(one.events) for one in self._runs.values())
        for one in list(self._runs.values()):
            if len(self._runs) <= _KEPT and events <= _MOST_OF_ALL:
                return
            if one.is_over:
                del self._runs[one.id]
                events -= len(one.events)

    async def _do(self, run: WebRun, work: Work, options: RunOptions) -> None:
        state: RunState = "stopped"
        try:
            with ungrouped():
                async with open_manager(self._home, options) as manager:
                    try:
                        run.result = await work(manager, run)
                    except ProviderError:
                        run.credentials = await _credentials_of(manager, run)
                        raise
            state = "done"
        except AwaitingUserError as error:
            run.error, state = error, "awaiting user"
        except ZoneproofError as error:
            run.error, state = error, "failed"
        except Exception as error:  # noqa: BLE001  whoever watches is to hear of it
            run.error, state = unforeseen(error), "failed"
        finally:
            run.state, run.ended = state, datetime.now(UTC)
            run.tell()

    async def close(self) -> None:
        """End what still runs, as Ctrl-C ends a command: it removes its values from the DNS."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _credentials_of(manager: Manager, run: WebRun) -> tuple[str, ...]:
    """Return which credentials the run's certificates use, or what is known already."""
    found = [await manager.certificates.find(name) for name in run.certificates]
    names = [name for one in found if one for name in credentials_of(one.definition)]
    return run.credentials or tuple(dict.fromkeys(filter(None, names)))
