"""Opens the deployment tasks of definitions, and finds what would make them fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.deployment import Task, TaskContext
from zoneproof.deployment.trouble import os_errors_told
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.task_definition import TaskDefinition
from zoneproof.manager.certificates.written_files import file_problems
from zoneproof.manager.credentials.store import Credential, Credentials


async def open_defined_task(
    credentials: Credentials,
    task: TaskDefinition,
    known: Mapping[str, Credential] | None = None,
    *,
    context: TaskContext | None = None,
) -> Task:
    """Open a deployment task with the secrets of its credential; ``known`` are not looked up.

    Raises InvalidInputError for a credential that is not there or is another one's, and for fields
    that are wrong.
    """
    if not task.credential:
        return task.open({}, context)
    credential = (known or {}).get(task.credential) or await credentials.get(task.credential)
    if credential.provider != task.task:
        raise InvalidInputError(
            f"the task {task.name} needs a credential for {task.task}, and {credential.name} is one"
            f" for {credential.provider}: name another one"
        )
    return task.open(credential.fields, context)


async def task_problems(
    home: Path,
    credentials: Credentials,
    definition: CertificateDefinition,
    task: TaskDefinition,
    known: Mapping[str, Credential] | None = None,
) -> list[str]:
    """Return a line for each thing that would make a task of a definition fail here and now."""
    problems = file_problems(home, definition, task)
    try:
        with os_errors_told():
            context = TaskContext({}, certificate=definition.name)
            opened = await open_defined_task(credentials, task, known, context=context)
            return [*problems, *await opened.problems()]
    except ZoneproofError as error:
        return [*problems, error.message]


async def new_task_problems(
    home: Path,
    credentials: Credentials,
    changes: Iterable[tuple[CertificateDefinition | None, CertificateDefinition]],
) -> list[str]:
    """Return a line for each thing that would make a task fail that a definition adds.

    ``changes`` are definitions, each with the one that it replaces, or None. They can be saved all
    the same: what a task needs may come later.
    """
    found: dict[str, list[str]] = {}
    lines = []
    for before, after in changes:
        known = {task.fingerprint for task in before.deploy} if before else set()
        for task in after.deploy:
            if task.fingerprint in known:
                continue
            if task.fingerprint not in found:  # many certificates share their tasks
                found[task.fingerprint] = await task_problems(home, credentials, after, task)
            lines += [
                f"{after.name}: the task {task.name} would fail: {problem}"
                for problem in found[task.fingerprint]
            ]
    return lines
