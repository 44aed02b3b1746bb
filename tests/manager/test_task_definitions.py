"""Definitions of deployment tasks: what cannot work, names, files, and changes of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.manager.deploying import NAME
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager import CertificateDefinition
from zoneproof.manager.certificates.definition_file import describe_changes, format_definitions
from zoneproof.manager.certificates.task_definition import TaskDefinition


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([{"task": "copi"}], "there is no deployment task 'copi': did you mean 'copy'"),
        ([{"task": "copy"}], "needs a field that names a file"),
        ([{"task": "nginx", "when": "failed"}], "can be done only when one was issued"),
        ([{"task": "nginx", "name": "a b"}], "'a b' cannot name a task"),
        ([{"task": "nginx", "name": "x"}, {"task": "apache", "name": "x"}], "2 tasks are called x"),
        (
            [{"task": "webhook", "fields": {"url": "https://a/", "secret": "hunter2"}}],
            "the field 'secret' of the task webhook is secret: store it",
        ),
    ],
)
def test_tasks_that_cannot_work_are_refused(tasks: list[Any], message: str) -> None:
    deploy = msgspec.convert(tasks, tuple[TaskDefinition, ...])
    definition = CertificateDefinition(name=NAME, identifiers=(NAME,), deploy=deploy)
    with pytest.raises(InvalidInputError, match=message) as raised:
        definition.check()
    assert "hunter2" not in raised.value.message


def test_tasks_without_a_name_are_called_after_their_kind() -> None:
    tasks = (
        TaskDefinition(task="nginx"),
        TaskDefinition(task="nginx"),
        TaskDefinition(task="apache", name="nginx-2"),
    )
    definition = CertificateDefinition(name=NAME, identifiers=(NAME,), deploy=tasks).check()
    assert [task.name for task in definition.deploy] == ["nginx", "nginx-3", "nginx-2"]


def test_tasks_are_written_to_a_file_and_their_changes_told() -> None:
    before = CertificateDefinition(name=NAME, identifiers=(NAME,)).check()
    task = TaskDefinition(task="nginx", name="web", fields={"key": "/k"}, fatal=True)
    after = msgspec.structs.replace(before, deploy=(task,))
    text = format_definitions([after])
    assert text.endswith(
        '[[certificate.deploy]]\ntask = "nginx"\nname = "web"\nfields = { key = "/k" }\n'
        "fatal = true\n"
    )
    assert describe_changes(before, after) == [
        "task web task: nginx",
        "task web fields: key=/k",
        "task web fatal: yes",
    ]
    assert describe_changes(after, msgspec.structs.replace(after, deploy=())) == [
        "task web task: no longer nginx",
        "task web fields: no longer key=/k",
        "task web fatal: no longer yes",
    ]
