"""Deployment tasks as options have them: ``KIND:field=value,...``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, get_args

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.toml import convert, read_reference
from zoneproof.deployment import describe_task
from zoneproof.manager.certificates.options import GivenTask
from zoneproof.manager.certificates.task_definition import TaskDefinition, When, secret_fields

_SETTINGS = ("name", "when", "credential", "fatal")
_WHEN: tuple[str, ...] = get_args(When)
_WORDS = {"yes": True, "true": True, "no": False, "false": False}


def parse_task(text: str) -> GivenTask:
    """Read a task: its kind, then its fields and settings.

    A comma ends a value only if the name of a field or setting and ``=`` follow. Values can be
    ``@file`` and ``env:VARIABLE``. Raises InvalidInputError, which never shows a value.
    """
    kind, _, given = text.partition(":")
    settings: dict[str, Any] = {}
    fields: dict[str, str] = {}
    for name, literal in _pairs(kind, given).items():
        value = read_reference(literal, f"--deploy {kind}: {name}")
        if name in _SETTINGS:
            settings[name] = _WORDS.get(value, value) if name == "fatal" else value
        else:
            fields[name] = value
    _require_one_of(kind, settings, "when", _WHEN, ", ".join(_WHEN[:-1]) + f" or {_WHEN[-1]}")
    _require_one_of(kind, settings, "fatal", _WORDS.values(), "yes or no")
    secrets = {name: fields.pop(name) for name in secret_fields(kind, fields)}
    table = {"task": kind, "fields": fields, **settings}
    return GivenTask(convert(table, TaskDefinition, f"--deploy {kind}"), secrets)


def _require_one_of(
    kind: str, settings: Mapping[str, Any], name: str, allowed: Collection[object], shown: str
) -> None:
    if name in settings and settings[name] not in allowed:
        raise InvalidInputError(
            f"--deploy {kind}: {name} cannot be '{settings[name][:80]}': use {shown}"
        )


def given_secrets(kind: str, given: str) -> dict[str, str]:
    """Return the secret fields as they were given: ``@file``, ``env:VARIABLE`` or the value."""
    pairs = _pairs(kind, given)
    return {name: pairs[name] for name in secret_fields(kind, pairs)}


def _pairs(kind: str, given: str) -> dict[str, str]:
    names = [*_SETTINGS, *(field.name for field in describe_task(kind).fields)]
    pairs: dict[str, str] = {}
    for pair in re.split(rf",(?=(?:{'|'.join(map(re.escape, names))})=)", given) if given else ():
        name, separator, value = pair.partition("=")
        if not separator:
            raise InvalidInputError(
                f"--deploy {kind} wants field=value, with commas between: its fields are"
                f" {', '.join(names[len(_SETTINGS) :])}"
            )
        if name in pairs:
            raise InvalidInputError(f"--deploy {kind}: {name} is given twice: give it once")
        pairs[name.strip()] = value
    return pairs
