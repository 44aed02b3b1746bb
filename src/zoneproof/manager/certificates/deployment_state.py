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

    ``task`` is the fingerprint of what was done, and ``credential`` the revision of its credential,
    empty if that is not known.
    """

    serial: str
    task: str
    at: Moment
    credential: str = ""


class NotDeployed(msgspec.Struct, frozen=True):
    """What is known of a task that has not been done for the certificate that was issued.

    ``since`` is when it was to be done first, ``attempts`` are those that failed, ``last_error`` is
    one line, and ``next_attempt_at`` when it is tried again. Times are in UTC. ``task`` is the
    fingerprint of what failed, ``credential`` the revision of its credential: a task that was
    changed since has not failed.
    """

    since: Moment
    attempts: int = 0
    last_error: str = ""
    next_attempt_at: Moment | None = None
    task: str = ""
    credential: str = ""

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
    revisions: Mapping[str, str],
) -> dict[str, NotDeployed]:
    """Return the tasks that are left to do for the certificate, in their order.

    A task that was done or failed with another revision of its credential was not; ``revisions``
    are those that are known, by the credentials' names.

    It follows from what was done, so nothing has to be noted when a certificate is issued. Without
    a certificate, an empty ``serial``, only what failed for an earlier one is known.
    """
    left = {}
    for task in tasks:
        done, failed = deployed.get(task.name), not_deployed.get(task.name)
        revision = revisions.get(task.credential, "")
        is_done = done is not None and done.serial == serial and _is_same(done, task, revision)
        if task.deploys and not is_done and (serial or failed):
            has_failed = failed is not None and _is_same(failed, task, revision)
            left[task.name] = failed if failed and has_failed else NotDeployed(since)
    return left


def _is_same(before: Deployed | NotDeployed, task: TaskDefinition, revision: str) -> bool:
    """Tell whether nothing that is known of the task was changed since."""
    known = {before.credential, revision} - {""}
    return before.task in ("", task.fingerprint) and len(known) < 2


def after_task_failure(
    before: NotDeployed,
    task: str,
    error: ZoneproofError,
    now: datetime,
    rng: Uniform,
    *,
    credential: str = "",
) -> NotDeployed:
    """Return what is known after an attempt failed: it is retried as renewals are."""
    attempts = before.attempts + 1
    again_at = now + retry_step(attempts, rng)
    return NotDeployed(before.since, attempts, one_line(error), again_at, task, credential)
