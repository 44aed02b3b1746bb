"""What happens during an order, told as typed events to whoever watches."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower):
    """The root of all events; as JSON each carries its name in ``event``."""


class OrderPlanned(Event, frozen=True, tag="order_planned"):
    """Each identifier of an order, and where its TXT value goes; nowhere ("") for http-01."""

    publish_names: dict[str, str]


class DelegationFound(Event, frozen=True, tag="delegation_found"):
    """A CNAME chain leads from the challenge name to where the TXT is published."""

    chain: tuple[str, ...]


class OrderCreated(Event, frozen=True, tag="order_created"):
    """The CA opened an order."""

    order_url: str
    identifiers: tuple[str, ...]


class OrderResumed(Event, frozen=True, tag="order_resumed"):
    """An order of an earlier run goes on."""

    order_url: str
    status: str


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


class RecordsDeletable(Event, frozen=True, tag="records_deletable"):
    """Records that a person created, in zone-file form, are of no use to anybody any more."""

    records: tuple[str, ...]


class ChallengesAnswered(Event, frozen=True, tag="challenges_answered"):
    """The CA was told to validate."""

    count: int


class OrderStatus(Event, frozen=True, tag="order_status"):
    """The CA says how the order stands (RFC 8555 section 7.1.6)."""

    status: str


class CertificateIssued(Event, frozen=True, tag="certificate_issued"):
    """The certificate is here; moments are ISO 8601 in UTC."""

    names: tuple[str, ...]
    issuer: str
    serial: str
    not_before: str
    not_after: str


class FilesWritten(Event, frozen=True, tag="files_written"):
    """Certificate and key are on disk."""

    folder: str
    files: tuple[str, ...]


class RecordRemoved(Event, frozen=True, tag="record_removed"):
    """The TXT value is gone from the provider."""

    provider: str
    name: str
    value: str


class FileRemoved(Event, frozen=True, tag="file_removed"):
    """The file that answered an http-01 challenge is gone from the webroot."""

    webroot: str
    token: str


class Warned(Event, frozen=True, tag="warning"):
    """Something went wrong that does not end the order."""

    message: str


Emit = Callable[[Event], None]
