"""What is to be done with a certificate, as people define it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import sanitize
from zoneproof.deployment import (
    Task,
    TaskContext,
    TaskInfo,
    describe_task,
    open_task,
    task_kinds,
)
from zoneproof.providers import ProviderInfo, describe, shown_field

When = Literal["issued", "failed", "always", "before"]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


class TaskDefinition(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A deployment task of a certificate: its kind, and when it is done with what.

    ``when`` is ``issued``: after a certificate was; ``failed``: after an attempt failed;
    ``always``: after both; ``before``: before an attempt. If one that is ``fatal`` fails, those
    after it wait. ``fields`` may hold no secret: the ``credential`` does, and its fields are added.
    ``name`` is its kind unless it is given, and tells it from the others of a certificate.
    """

    task: str
    name: str = ""
    when: When = "issued"
    fields: dict[str, str] = {}
    credential: str = ""
    fatal: bool = False

    @property
    def deploys(self) -> bool:
        """Whether every certificate has to go through it."""
        return self.when in ("issued", "always")

    @property
    def fingerprint(self) -> str:
        """What tells it from a task that does something else."""
        facts = (self.task, sorted(self.fields.items()), self.credential)
        return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:16]

    def open(self, secrets: Mapping[str, str], context: TaskContext | None = None) -> Task:
        """Make the task with the fields of its credential. Raises InvalidInputError."""
        fields = {**secrets, **self.fields}
        return open_task(
            self.task,
            replace(context or TaskContext({}), fields=fields, secret=frozenset(secrets)),
        )

    def check(self) -> None:
        """Raise InvalidInputError for what cannot work, whatever else is stored."""
        info = describe_task(self.task)
        if not _NAME.fullmatch(self.name):
            raise InvalidInputError(
                f"'{sanitize(self.name, limit=80)}' cannot name a task: use letters, digits, '.',"
                " '-' and '_', at most 64"
            )
        if self.when != "issued" and not info.any_time:
            raise InvalidInputError(
                f"the task {self.name} deploys a certificate, so it can be done only when one was"
                " issued: remove 'when'"
            )
        for name in secret_fields(self.task, self.fields):
            raise InvalidInputError(
                f"the field '{name}' of the task {self.name} is secret: store it with"
                f" 'zoneproof credential add {self.task}' and name that credential instead"
            )
        if not self.credential:
            self.open({})


def describe_kind(kind: str) -> ProviderInfo | TaskInfo:
    """Describe a provider or a kind of deployment task, which a credential may be for.

    Raises InvalidInputError for what is neither.
    """
    return describe_task(kind) if kind in task_kinds() else describe(kind)


def secret_fields(kind: str, fields: Mapping[str, str]) -> list[str]:
    """Return the names of those fields that hold a secret.

    ``kind`` is as :func:`describe_kind` takes it. Raises InvalidInputError.
    """
    info = describe_kind(kind)
    return [
        name
        for name, value in fields.items()
        if (field := info.field(name)) and shown_field(field, value) != value
    ]


def named(tasks: Sequence[TaskDefinition]) -> tuple[TaskDefinition, ...]:
    """Return the tasks, each with a name of its own. Raises InvalidInputError for one twice."""
    taken = {task.name for task in tasks if task.name}
    found = []
    for task in tasks:
        name, number = task.name or task.task, 2
        while not task.name and name in taken:
            name, number = f"{task.task}-{number}", number + 1
        taken.add(name)
        found.append(replace(task, name=name))
    names = [task.name for task in found]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInputError(
                f"{names.count(name)} tasks are called {name}: give each a name of its own"
            )
    return tuple(found)
