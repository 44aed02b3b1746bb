"""What happens to an order besides its challenges, told as typed events to whoever watches."""

from __future__ import annotations

from zoneproof.challenges.events import Event


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
    """An order of an earlier run continues."""

    order_url: str
    status: str


class RecordsDeletable(Event, frozen=True, tag="records_deletable"):
    """Records that a person created, in zone-file form, are no longer of use to anybody."""

    records: tuple[str, ...]


class ChallengesAnswered(Event, frozen=True, tag="challenges_answered"):
    """The CA was told to validate."""

    count: int


class OrderStatus(Event, frozen=True, tag="order_status"):
    """The CA says how the order stands (RFC 8555 section 7.1.6)."""

    status: str


class CertificateIssued(Event, frozen=True, tag="certificate_issued"):
    """The certificate is here; moments are RFC 3339 in UTC."""

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


class TaskDone(Event, frozen=True, tag="task_done"):
    """A deployment task was done; ``text`` says what it did."""

    task: str
    text: str


class TaskFailed(Event, frozen=True, tag="task_failed"):
    """A deployment task failed; the certificate has not."""

    task: str
    error: str
