"""What happens while challenges are prepared, told as typed events to whoever watches."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower):
    """The root of all events; as JSON each carries its name in ``event``."""


class RecordPublished(Event, frozen=True, tag="record_published"):
    """The provider took a TXT value."""

    provider: str
    name: str
    value: str


class AnswerServed(Event, frozen=True, tag="answer_served"):
    """An http-01 challenge is answered; ``where`` is a webroot or a listener."""

    identifier: str
    where: str


class PropagationWaiting(Event, frozen=True, tag="propagation_waiting"):
    """Some authoritative servers do not show every value at a name yet, for these ``reasons``.

    ``elapsed`` and ``waits`` are seconds; ``waits`` is the length of a fixed wait that begins now,
    because no server can be asked.
    """

    name: str
    reasons: tuple[str, ...]
    elapsed: float
    waits: float = 0.0


class RecordVisible(Event, frozen=True, tag="record_visible"):
    """Every authoritative server that answers shows every value at a name.

    ``waits`` are the seconds that are waited nevertheless, because the setting says so.
    """

    name: str
    waits: float


class RecordsVisible(Event, frozen=True, tag="records_visible"):
    """Every authoritative server that answers shows every value, or the fixed wait is over.

    ``names`` is how many were seen with their values: none where the setting asks no server.
    """

    names: int
    seconds: float
    notes: tuple[str, ...]


class RecordAwaited(Event, frozen=True, tag="record_awaited"):
    """How it stands with a record that a person creates, in zone-file form.

    ``status`` is ``seen``, ``missing`` or, where no server answers, ``unknown``; ``servers`` are
    the name servers that show it, or those that lack it; ``note`` says why, or what is there.
    """

    record: str
    status: str
    servers: tuple[str, ...]
    note: str = ""


class Warned(Event, frozen=True, tag="warning"):
    """Something went wrong that does not end the order."""

    message: str


Emit = Callable[[Event], None]
