"""Does a certificate's deployment tasks, and remembers of each what came of it.

What is left to do follows from what was done, so a crash between an issuance and its tasks loses
nothing. A task that ends is remembered in one transaction with its history; before that, a program
of a killed run is known by the task's progress file, ``deploying/<certificate>/<task>~...``.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from zoneproof.acme import parse_chain
from zoneproof.core.errors import (
    AcmeError,
    DeploymentError,
    InvalidInputError,
    StorageError,
    ZoneproofError,
    unforeseen,
)
from zoneproof.core.files import read_file
from zoneproof.deployment import Material, Occasion, TaskContext, TaskEvent
from zoneproof.deployment.trouble import os_errors_told
from zoneproof.issuance import Emit, TaskDone, TaskFailed
from zoneproof.manager.certificates.defined_tasks import open_defined_task, task_problems
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.deployment_state import (
    Deployed,
    NotDeployed,
    TaskResult,
    after_task_failure,
)
from zoneproof.manager.certificates.renewal_state import one_line
from zoneproof.manager.certificates.state import CertificateState, CertificateStatus, status_of
from zoneproof.manager.certificates.store import ManagedCertificate
from zoneproof.manager.certificates.task_definition import TaskDefinition
from zoneproof.manager.certificates.written_files import file_problems
from zoneproof.manager.manager import Manager
from zoneproof.storage import Transaction

DEPLOYED = "deployed"
NOT_DEPLOYED = "not deployed"
_FOLDER = "deploying"
_RANDOM = random.SystemRandom()


async def deploy(
    manager: Manager, name: str, emit: Emit, *, late: bool = False
) -> tuple[TaskResult, ...]:
    """Do what is left to do for the certificate on disk, in order; the caller holds its lock.

    With ``late``, because it was issued earlier, what failed waits for its next attempt. A task
    that fails never raises; if it is fatal, those after it wait. Raises StorageError.
    """
    found = await _look(manager, name)
    results: list[TaskResult] = []
    for task in found.certificate.definition.deploy if found else ():
        assert found is not None
        left = found.left.get(task.name)
        if left is None:
            continue
        if not late or left.is_due(found.now):
            results.append(await _do(manager, found, task, left, emit))
            failed = not results[-1].ok
        else:
            failed = True
        if failed and task.fatal:
            break
    return tuple(results)


async def deploy_left(manager: Manager, name: str, emit: Emit) -> tuple[TaskResult, ...]:
    """Do what is left to do for a certificate now. Raises BusyError, StorageError."""
    with manager.home.lock(name), manager.logs.following(name, "deploying", emit) as tell:
        return await deploy(manager, name, tell)


async def deploy_chosen(
    manager: Manager, name: str, emit: Emit, chosen: Collection[str]
) -> tuple[TaskResult, ...]:
    """Do the chosen tasks for the certificate on disk, whether they are left or not, in order.

    Raises BusyError while another process works on the certificate, InvalidInputError if it has no
    usable certificate, StorageError.
    """
    definition = (await manager.certificates.get(name)).definition
    name = definition.name
    doing = f"deploying {', '.join(chosen)}"
    with manager.home.lock(name), manager.logs.following(name, doing, emit) as tell:
        found = await _look(manager, name)
        if found is None:
            raise InvalidInputError(f"{name} is no longer managed")
        _require_usable(found)
        results: list[TaskResult] = []
        for task in found.certificate.definition.deploy:
            if task.name not in chosen:
                continue
            left = found.left.get(task.name)
            if left is None:  # what an earlier run of it left has no say in another one
                _forget_progress(manager, name, task)
            results.append(await _do(manager, found, task, left or NotDeployed(found.now), tell))
            if task.fatal and not results[-1].ok:
                break
    return tuple(results)


_EVENTS = {"failed": "after a failure"}  # as the history tells of them


async def run_tasks(
    manager: Manager,
    definition: CertificateDefinition,
    emit: Emit,
    when: Collection[str],
    event: TaskEvent,
    error: str = "",
) -> None:
    """Do the tasks that belong before or after an attempt; none of them is remembered.

    Raises DeploymentError if a fatal one fails.
    """
    folder = manager.files.live(definition.name)
    occasion = Occasion(definition.name, definition.identifiers, folder, event, error=error)
    told = _EVENTS.get(event, event)
    for task in definition.deploy:
        if task.when not in when:
            continue
        try:
            said = await _run(manager, task, occasion, None)
        except ZoneproofError as failure:
            emit(TaskFailed(task.name, failure.message))
            await manager.history.add(
                definition.name, NOT_DEPLOYED, f"{task.name} ({told}): {failure.message}"
            )
            if task.fatal:
                raise DeploymentError(
                    f"the task {task.name} failed: {failure.message}"
                ) from failure
        else:
            emit(TaskDone(task.name, said))
            await manager.history.add(definition.name, DEPLOYED, f"{task.name} ({told}): {said}")


def _require_usable(found: CertificateStatus) -> None:
    if found.disk.problem:
        raise InvalidInputError(
            f"{found.certificate.name} cannot be deployed: {found.disk.problem}"
        )


async def _look(manager: Manager, name: str) -> CertificateStatus | None:
    certificate = await manager.certificates.find(name)
    if certificate is None:
        return None
    manager.files.repair(name)
    return await _status(manager, certificate)


async def _status(manager: Manager, certificate: ManagedCertificate) -> CertificateStatus:
    facts = await manager.circumstances(certificate.definition)
    return status_of(certificate, manager.files, datetime.now(UTC), circumstances=facts)


async def _do(
    manager: Manager,
    found: CertificateStatus,
    task: TaskDefinition,
    left: NotDeployed,
    emit: Emit,
) -> TaskResult:
    """Do one task for the certificate on disk, and remember what came of it."""
    name = found.certificate.name
    # Of before the task is opened: one that is changed meanwhile is done again.
    revisions = await manager.credentials.revisions([task.credential])
    revision = revisions.get(task.credential, "")
    try:
        material = _material(manager, name)
        progress = _progress(manager.home.path, name, task, revision, material.serial, left)
        occasion = Occasion(name, material.chain.names, manager.files.live(name), material=material)
        written = await manager.stored_files.get()
        definition = found.certificate.definition
        for problem in file_problems(manager.home.path, definition, task, written):
            raise DeploymentError(problem)
        said = await _run(manager, task, occasion, progress)
    except ZoneproofError as error:
        failed = after_task_failure(
            left, task.fingerprint, error, datetime.now(UTC), _RANDOM, credential=revision
        )
        await _remember(manager, found, task, failed, one_line(error))
        emit(TaskFailed(task.name, failed.last_error))
        return TaskResult(task.name, False, failed.last_error, failed.next_attempt_at)
    done = Deployed(material.serial, task.fingerprint, datetime.now(UTC), revision)
    await _remember(manager, found, task, done, said)
    emit(TaskDone(task.name, said))
    return TaskResult(task.name, True, said)


async def _run(
    manager: Manager, task: TaskDefinition, occasion: Occasion, progress: Path | None
) -> str:
    """Raise ZoneproofError for whatever goes wrong, so that it stops nothing else."""
    try:
        context = TaskContext({}, progress, locks=manager.task_locks)
        with os_errors_told():
            opened = await open_defined_task(manager.credentials, task, context=context)
            return await opened.run(occasion)
    except ZoneproofError:
        raise
    except Exception as error:
        raise unforeseen(error) from error


async def _remember(
    manager: Manager,
    found: CertificateStatus,
    task: TaskDefinition,
    outcome: Deployed | NotDeployed,
    text: str,
) -> None:
    name, is_done = found.certificate.name, isinstance(outcome, Deployed)

    def change(state: CertificateState) -> CertificateState:
        deployed, failed = dict(state.deployed), dict(state.not_deployed)
        failed.pop(task.name, None)
        deployed.pop(task.name, None)
        if isinstance(outcome, Deployed):
            deployed[task.name] = outcome
        else:
            failed[task.name] = outcome
        return replace(state, deployed=deployed, not_deployed=failed)

    def work(tx: Transaction) -> None:
        certificate = manager.certificates.find.within(tx, name)
        # One that was removed or changed while it was done is not remembered.
        if certificate and task.fingerprint in {
            one.fingerprint for one in certificate.definition.deploy if one.name == task.name
        }:
            manager.certificates.change_state.within(tx, name, CertificateState, change)
        kind = DEPLOYED if is_done else NOT_DEPLOYED
        manager.history.add.within(tx, name, kind, f"{task.name}: {text}")

    await manager.store.write(work)
    _forget_progress(manager, name, task)


def _forget_progress(manager: Manager, name: str, task: TaskDefinition) -> None:
    folder = _folder(manager.home.path, name)
    with suppress(OSError):
        for note in folder.glob(f"{task.name}~*"):
            note.unlink()
        folder.rmdir()


def _material(manager: Manager, name: str) -> Material:
    folder = manager.files.live(name)
    try:
        chain = parse_chain(read_file(folder / "fullchain.pem"), str(folder))
        return Material(chain, manager.files.private_key(name))
    except OSError as error:
        raise StorageError(f"cannot read {folder / 'fullchain.pem'}: {error.strerror}") from error
    except AcmeError as error:
        raise StorageError(error.message) from error


def _folder(home: Path, name: str) -> Path:
    return home / _FOLDER / name


def _progress(
    home: Path, name: str, task: TaskDefinition, revision: str, serial: str, left: NotDeployed
) -> Path:
    """Return the progress file of one attempt: what is known of an earlier one is remembered."""
    folder = _folder(home, name)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(f"cannot create {folder}: {error.strerror}") from error
    of_credential = "".join(filter(str.isalnum, revision))
    return folder / f"{task.name}~{serial}~{task.fingerprint}{of_credential}~{left.attempts}"


class TaskPlan(msgspec.Struct, frozen=True):
    """What would become of a task if it were done now. ``is_left`` tells that it has to be."""

    task: str
    kind: str
    is_left: bool
    problems: tuple[str, ...]


async def plan_tasks(
    manager: Manager, name: str, chosen: Collection[str] = (), *, everything: bool = False
) -> list[TaskPlan]:
    """Return the chosen tasks of a certificate, else those that are left, or ``everything``.

    Nothing is changed. Raises InvalidInputError for a certificate or task that there is not, for a
    task that is not for a new certificate, and if there is no usable certificate; StorageError.
    """
    certificate = await manager.certificates.get(name)
    found = await _status(manager, certificate)
    _require_usable(found)
    tasks = {task.name: task for task in certificate.definition.deploy if task.deploys}
    for one in chosen:
        if one not in tasks:
            raise InvalidInputError(
                f"{certificate.name} has no task '{one[:80]}' that deploys it: it has"
                f" {', '.join(tasks) or 'none'}"
            )
    wanted = chosen or (tasks if everything else found.left)
    return [
        TaskPlan(
            task.name,
            task.task,
            task.name in found.left,
            tuple(
                await task_problems(
                    manager.home.path, manager.credentials, certificate.definition, task
                )
            ),
        )
        for task in tasks.values()
        if task.name in wanted
    ]
