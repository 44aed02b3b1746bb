"""Finds tasks by their kind without importing the others."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import sanitize
from zoneproof.deployment.contract import Task, TaskContext, TaskInfo

_MODULES: Mapping[str, str] = {
    "apache": "apache:Apache",
    "command": "command:Command",
    "copy": "copy:Copy",
    "haproxy": "haproxy:Haproxy",
    "nginx": "nginx:Nginx",
    "systemd": "systemd:Systemd",
    "webhook": "webhook:Webhook",
}


def task_kinds() -> list[str]:
    """Return the kinds of all tasks, sorted."""
    return sorted(_MODULES)


def describe_task(kind: str) -> TaskInfo:
    """Return a task's description. Raises InvalidInputError for an unknown kind."""
    return _load(kind).info


def open_task(kind: str, context: TaskContext) -> Task:
    """Make a task from its fields, defaults filled in.

    Raises InvalidInputError for an unknown kind, and for a field that is unknown, missing or cannot
    be used; the message names the field and says what it is.
    """
    made = _load(kind)
    return made(_checked(made.info, context))


def _load(kind: str) -> type[Task]:
    if kind not in _MODULES:
        near = difflib.get_close_matches(kind, _MODULES, n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(task_kinds())}"
        raise InvalidInputError(f"there is no deployment task '{sanitize(kind)}': {advice}")
    module, _, name = _MODULES[kind].partition(":")
    found: type[Task] = getattr(import_module(f"zoneproof.deployment.{module}"), name)
    return found


def _checked(info: TaskInfo, context: TaskContext) -> TaskContext:
    known = {field.name: field for field in info.fields}
    where = f"deployment task {info.slug}"
    for name in context.fields:
        if name not in known:
            raise InvalidInputError(
                f"{where} has no field '{sanitize(name)}': its fields are {', '.join(known)}"
            )
    values: dict[str, str] = {}
    for field in info.fields:
        value = context.fields.get(field.name, field.default) or ""
        if field.is_missing(context.fields):
            raise InvalidInputError(f"{where} needs the field '{field.name}' ({field.help})")
        if field.choices and value not in field.choices:
            raise InvalidInputError(
                f"{where}: '{sanitize(value)}' is not a valid {field.name}; choose one of"
                f" {', '.join(field.choices)}"
            )
        if field.check and value:
            field.check(value)
        values[field.name] = value
    return replace(context, fields=values)
