"""What every deployment task promises: its description, what it is given, and what it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal, Protocol

import msgspec

from zoneproof.acme import CertificateChain
from zoneproof.core.aio import KeyedLocks
from zoneproof.core.fields import CredentialField
from zoneproof.core.secretive import Secretive

TaskEvent = Literal["before", "issued", "failed"]


class TaskInfo(msgspec.Struct, frozen=True):
    """What people and programs need to know of a task: the one source of prompts and docs.

    ``any_time`` tells that it has a use without a new certificate, too: before a request for one,
    and after a failed one. ``example`` are the fields of an example where none is required, but
    not all can be omitted. ``target`` names the field that says what it replaces at a service, and
    ``machine`` those that say where that is, or on which other machine are the files that it
    writes: the first of these may be known only to a credential. ``spelled`` makes of a
    certificate's name what takes the place of ``{name}`` in ``target``.
    """

    slug: str
    title: str
    fields: tuple[CredentialField, ...]
    notes: str  # Markdown
    homepage: str = ""
    any_time: bool = False
    example: str = ""
    target: str = ""
    machine: tuple[str, ...] = ()
    spelled: Callable[[str], str] = str

    def named(self, target: str, certificate: str) -> str:
        """Return what a certificate replaces, by the value of the ``target`` field."""
        return target.replace("{name}", self.spelled(certificate))

    def field(self, name: str) -> CredentialField | None:
        """Return the field of that name, None for none."""
        return next((one for one in self.fields if one.name == name), None)


class Material(Secretive, frozen=True):
    """A certificate with its chain, and its key as PEM; None where its owner keeps that."""

    chain: CertificateChain
    private_key: bytes | None

    @property
    def serial(self) -> str:
        """The certificate's serial number in hex."""
        return f"{self.chain.leaf.serial_number:x}"


class Occasion(msgspec.Struct, frozen=True):
    """What a task is run for.

    ``folder`` is where the certificate's files are. ``event`` is ``issued`` with the ``material``
    of a certificate that is to be used from now on; ``before`` a request for one, and ``failed``
    after one, whose ``error`` is a line.
    """

    certificate: str
    identifiers: tuple[str, ...]
    folder: Path
    event: TaskEvent = "issued"
    material: Material | None = None
    error: str = ""


class TaskContext(Secretive, frozen=True):
    """What a task gets from its caller.

    ``progress`` is a file of this task's for this certificate, in which it may leave a note for the
    run after a crash; the caller removes it once it remembers what came of the task. ``locks`` are
    shared by all tasks of the process. ``secret`` names the fields that come from a credential, of
    which nothing may be shown. ``certificate`` is whose task it is, where problems are looked for.
    """

    fields: Mapping[str, str]
    progress: Path | None = None
    certificate: str = ""
    secret: frozenset[str] = frozenset()
    locks: KeyedLocks = msgspec.field(default_factory=KeyedLocks)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep  # in seconds
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Task(Protocol):
    """Something to be done with a certificate. Doing it twice does no harm but what it is for."""

    info: ClassVar[TaskInfo]

    def __init__(self, context: TaskContext) -> None: ...

    async def run(self, occasion: Occasion) -> str:
        """Do it, whole or not at all; return in a line what was done. Raises DeploymentError."""
        ...

    async def problems(self) -> list[str]:
        """Return a line for each thing that would make it fail here and now; change nothing.

        Raises ZoneproofError for what is in the way of looking for others.
        """
        ...
