"""Finds tasks by their kind without importing the others."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from importlib import import_module

from msgspec.structs import replace

from zoneproof.core.errors import InvalidInputError, NotFoundError
from zoneproof.core.fields import check_value, filled_in
from zoneproof.core.text import sanitize
from zoneproof.deployment.contract import Task, TaskContext, TaskInfo

_PLACEHOLDER = re.compile(r"\{(?!name\})[^{}]*\}")
_MODULES: Mapping[str, str] = {
    "apache": "apache:Apache",
    "aws-acm": "aws_acm:AwsAcm",
    "azure-keyvault": "azure_keyvault:AzureKeyvault",
    "command": "command:Command",
    "copy": "copy:Copy",
    "gcp-certificate-manager": "gcp_certificate_manager:GcpCertificateManager",
    "haproxy": "haproxy:Haproxy",
    "kubernetes": "kubernetes:Kubernetes",
    "nginx": "nginx:Nginx",
    "ssh": "ssh:Ssh",
    "systemd": "systemd:Systemd",
    "vault": "vault:HashicorpVault",
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
        raise NotFoundError(f"there is no deployment task '{sanitize(kind)}': {advice}")
    module, _, name = _MODULES[kind].partition(":")
    found: type[Task] = getattr(import_module(f"zoneproof.deployment.{module}"), name)
    return found


def check_task_fields(kind: str, fields: Mapping[str, str]) -> None:
    """Raise InvalidInputError for a field that the task does not have, and for a wrong value.

    None is required: a credential may hold some of them, and a definition the others.
    """
    info = describe_task(kind)
    for name, value in fields.items():
        field = info.field(name)
        if field is None:
            known = ", ".join(one.name for one in info.fields)
            raise InvalidInputError(
                f"deployment task {kind} has no field '{sanitize(name, limit=40)}': its fields are"
                f" {known}"
            )
        check_value(f"deployment task {kind}", field, value)
        wrong = _PLACEHOLDER.search(value) if "{name}" in field.help else None
        if wrong:
            raise InvalidInputError(
                f"deployment task {kind}: '{sanitize(wrong[0], limit=40)}' in the field '{name}'"
                " means nothing: write {name} where the certificate's name is to stand"
            )


def _checked(info: TaskInfo, context: TaskContext) -> TaskContext:
    check_task_fields(info.slug, context.fields)
    where = f"deployment task {info.slug}"
    return replace(context, fields=filled_in(where, info.fields, context.fields))
