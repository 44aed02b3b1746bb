"""What is remembered of a certificate's deployment, and how attempts change it.

Pure functions: the caller gives ``now``, in UTC, and keeps what it gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from zoneproof.acme.ari import Uniform
from zoneproof.core.errors import ZoneproofError
from zoneproof.manager.certificates.renewal_state import (
    LONGEST_STEP,
    Moment,
    one_line,
    retry_step,
)
from zoneproof.manager.certificates.task_definition import TaskDefinition


class Deployed(msgspec.Struct, frozen=True):
    """That a task was done: for which certificate (serial number in hex), and when (UTC).

    ``task`` is the fingerprint of what was done.
    """

    serial: str
    task: str
    at: Moment


class NotDeployed(msgspec.Struct, frozen=True):
    """What is known of a task that has not been done for the certificate that was issued.

    ``since`` is when it was to be done first, ``attempts`` are those that failed, ``last_error`` is
    one line, and ``next_attempt_at`` when it is tried again. Times are in UTC. ``task`` is the
    fingerprint of what failed: a task that was changed since has not failed.
    """

    since: Moment
    attempts: int = 0
    last_error: str = ""
    next_attempt_at: Moment | None = None
    task: str = ""

    def is_due(self, now: datetime) -> bool:
        """Tell whether it is to be tried now; also when the clock was set back since it failed."""
        return self.next_attempt_at is None or not (
            now < self.next_attempt_at <= now + LONGEST_STEP
        )


class TaskResult(msgspec.Struct, frozen=True):
    """What came of a task: ``text`` says what it did, or why it failed.

    ``again_at`` is when it is tried again, None if it is not.
    """

    task: str
    ok: bool
    text: str
    again_at: datetime | None = None


def tasks_left(
    tasks: Sequence[TaskDefinition],
    deployed: Mapping[str, Deployed],
    not_deployed: Mapping[str, NotDeployed],
    serial: str,
    since: datetime,
) -> dict[str, NotDeployed]:
    """Return the tasks that are left to do for the certificate, in their order.

    It follows from what was done, so nothing has to be noted when a certificate is issued. Without
    a certificate, an empty ``serial``, only what failed for an earlier one is known.
    """
    left = {}
    for task in tasks:
        done, failed = deployed.get(task.name), not_deployed.get(task.name)
        is_done = done is not None and (done.serial, done.task) == (serial, task.fingerprint)
        if task.deploys and not is_done and (serial or failed):
            is_changed = failed is not None and failed.task not in ("", task.fingerprint)
            left[task.name] = NotDeployed(since) if failed is None or is_changed else failed
    return left


def after_task_failure(
    before: NotDeployed, task: str, error: ZoneproofError, now: datetime, rng: Uniform
) -> NotDeployed:
    """Return what is known after an attempt failed: it is retried as renewals are."""
    attempts = before.attempts + 1
    return NotDeployed(
        before.since, attempts, one_line(error), now + retry_step(attempts, rng), task
    )
