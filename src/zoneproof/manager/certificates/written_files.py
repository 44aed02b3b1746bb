"""What the tasks of certificates write, and where two of them would undo each other."""

from __future__ import annotations

import asyncio
import os
import posixpath
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from zoneproof.deployment import TaskInfo, describe_task, task_kinds
from zoneproof.deployment.parts import PARTS, paths_of
from zoneproof.deployment.placement import place_of
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.store import ManagedCertificate
from zoneproof.manager.certificates.task_definition import TaskDefinition

# Of one part, what makes another file of it.
_FORM = ("owner", "group", "mode", "pkcs12_password", "pkcs12_encryption")


class _File(msgspec.Struct, frozen=True):
    """A file that a task writes, or what is one at a service.

    Two of one ``place`` and one ``content`` do no harm.
    """

    certificate: str
    task: str
    part: str
    path: str
    place: object
    content: object


class Clash(msgspec.Struct, frozen=True):
    """That the ``tasks``, by name, of a certificate write what is written otherwise, too.

    ``other`` is the certificate whose task does so, empty for this one.
    """

    tasks: frozenset[str]
    message: str
    other: str = ""


class WrittenFiles:
    """What the tasks of some definitions write, so far as their own fields say."""

    def __init__(self, definitions: Iterable[CertificateDefinition]) -> None:
        self._at: dict[object, list[_File]] = {}
        for definition in definitions:
            self.add(definition)

    def add(self, definition: CertificateDefinition) -> None:
        """Count another definition among them."""
        for file in _files(definition):
            self._at.setdefault(file.place, []).append(file)

    def clashes(
        self, definition: CertificateDefinition, before: CertificateDefinition | None = None
    ) -> list[Clash]:
        """Return what clashes in a definition that is one of them, or with others of them.

        With those, nothing is said of a task that ``before`` has, too.
        """
        known = {task.fingerprint for task in before.deploy} if before else set()
        old = {task.name for task in definition.deploy if task.fingerprint in known}
        found: dict[frozenset[_File], Clash] = {}
        for one in _files(definition):
            for other in self._at.get(one.place, ()):
                is_own = other.certificate == one.certificate
                if other.content != one.content and (is_own or one.task not in old):
                    pair = frozenset((one, other))
                    found.setdefault(pair, _clash(one, other, is_own=is_own))
        return list(found.values())

    def clashes_of(self, definitions: Iterable[CertificateDefinition]) -> list[str]:
        """Return a line for each clash of one of the definitions with another of all these."""
        lines: list[str] = []
        told: set[str] = set()
        for definition in definitions:
            lines += [
                f"{definition.name}: {clash.message}"
                for clash in self.clashes(definition)
                if clash.other and clash.other not in told
            ]
            told.add(definition.name)
        return lines


class StoredFiles:
    """What the tasks of all stored definitions write; they are read at the first look."""

    def __init__(self, read: Callable[[], Awaitable[Sequence[ManagedCertificate]]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._found: WrittenFiles | None = None

    async def get(self) -> WrittenFiles:
        """Return it. Raises StorageError."""
        async with self._lock:
            if self._found is None:
                self._found = WrittenFiles(one.definition for one in await self._read())
            return self._found


def file_problems(
    home: Path,
    definition: CertificateDefinition,
    task: TaskDefinition,
    written: WrittenFiles | None = None,
) -> list[str]:
    """Return a line for each file of a task that the task must not write.

    That is what the same certificate writes otherwise, too, what other ones do, of those whose
    files are ``written``, and what is the home's own.
    """
    clashes = WrittenFiles([definition]).clashes(definition)
    if written:
        clashes += [clash for clash in written.clashes(definition) if clash.other]
    found = [clash.message for clash in clashes if task.name in clash.tasks]
    return [*found, *home_problems(home, definition, task)]


def home_problems(home: Path, definition: CertificateDefinition, task: TaskDefinition) -> list[str]:
    """Return a line for each path of a task that leads into the home, through whatever links."""
    if task.task not in task_kinds() or describe_task(task.task).machine:
        return []
    problems, folders = [], None
    for part, path in paths_of(task.fields, definition.name).items():
        folders = folders or _folders_of(home)
        # A link at the end is replaced, not followed.
        place = Path(os.path.realpath(path.parent), path.name)
        if any(place.is_relative_to(folder) for folder in folders):
            problems.append(
                f"{path}, where the task {task.name} is to write ({part}), is among Zoneproof's own"
                f" files in {home}: give it a path elsewhere"
            )
    return problems


def _folders_of(home: Path) -> list[str]:
    """Return the home, and where links in it lead to the files of certificates and to logs."""
    links = [home / "logs"]
    for folder in (home / "live", home / "archive"):
        links.append(folder)
        with suppress(OSError), os.scandir(folder) as entries:
            links += [Path(entry.path) for entry in entries if entry.is_symlink()]
    return [os.path.realpath(one) for one in (home, *links)]


def _clash(one: _File, other: _File, *, is_own: bool) -> Clash:
    whose = "" if is_own else f" of {other.certificate}"
    own = "a path of its own" if one.part in PARTS else "its own"
    same = ", or the same owner, group and mode" if is_own and one.part == other.part else ""
    return Clash(
        frozenset([one.task, *([other.task] if is_own else [])]),
        f"{one.path} is to be written by the task {one.task} ({one.part}) and by the task"
        f" {other.task}{whose} ({other.part}): give each {own}{same}",
        "" if is_own else other.certificate,
    )


def _value(task: TaskDefinition, info: TaskInfo, name: str) -> str:
    """Return a field's value as far as the task itself says it; empty for none."""
    field = info.field(name)
    return task.fields.get(name) or (field and field.default) or ""


def _machine(task: TaskDefinition, info: TaskInfo) -> tuple[str, ...]:
    """Return where it writes; what only a credential says is the same for all tasks with that."""
    found = [_value(task, info, name) for name in info.machine]
    return (found[0] or f"of {task.credential}", *found[1:]) if found else ()


def _files(definition: CertificateDefinition) -> Iterator[_File]:
    for task in definition.deploy:
        if task.task not in task_kinds():
            continue
        info = describe_task(task.task)
        machine = _machine(task, info)
        form = tuple(task.fields.get(name, "") for name in _FORM)
        for part, path in paths_of(task.fields, definition.name).items():
            place = posixpath.normpath(path) if machine else place_of(path)
            password = task.credential if part == "pkcs12" else ""
            yield _File(
                definition.name,
                task.name,
                part,
                str(path),
                (machine, place),
                (definition.name, part, form, password),
            )
        if target := _value(task, info, info.target):
            name = info.named(target, definition.name)
            place = (task.task, machine, name)
            yield _File(
                definition.name, task.name, info.target, name, place, (definition.name, info.target)
            )
