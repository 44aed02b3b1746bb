"""What other clients ran and copied when a certificate was issued, as deployment tasks.

Most gave hooks to a shell, so what is more than a program and its arguments still goes to one. A
command may hold a secret, so all but the usual reloads are kept as credentials.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import sanitize
from zoneproof.manager.certificates.options import GivenTask
from zoneproof.manager.certificates.task_definition import TaskDefinition

When = Literal["issued", "always", "before"]
_PLAIN = re.compile(r"[\w@%+:,./ -]+", re.ASCII)  # which a shell reads as a program and its words
_RELATIVE = re.compile(r"[\w@%+:,.-]+/")  # at its beginning, the path of a program
_NOT_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_OPEN = (  # programs whose arguments are no secrets
    *("systemctl", "service", "rc-service", "invoke-rc.d"),
    *("nginx", "apachectl", "apache2ctl", "httpd", "haproxy", "postfix", "dovecot", "doveadm"),
)
_ACTIONS = ("reload", "restart", "reload-or-restart")


def hook(
    name: str,
    line: str,
    when: When = "issued",
    *,
    shell: bool = True,
    folder: Path | None = None,
) -> GivenTask | None:
    """Return the task for a line that a shell ran, or that was split at spaces; None for none.

    ``folder`` is the absolute path of where it was run. Raises InvalidInputError for a program that
    is relative to a folder that is not known.
    """
    line = line.strip()
    if not line or "\0" in line:
        return None
    if _RELATIVE.match(line):
        line = _from_anywhere(name, line, folder, shell=shell)
    name = _NOT_NAME.sub("-", name).strip("-.")[:64] or "hook"
    is_plain = not shell or _PLAIN.fullmatch(line)
    words = line.split() if is_plain else ["/bin/sh", "-c", line]
    program = Path(words[0]).name
    if program == "systemctl" and len(words) == 3 and words[1] in _ACTIONS:
        fields = {"unit": words[2], "action": words[1]}
        return GivenTask(TaskDefinition(task="systemd", name=name, when=when, fields=fields))
    command = {"command": shlex.join(words)}
    task = TaskDefinition(task="command", name=name, when=when)
    if len(words) == 1 or program in _OPEN:
        return GivenTask(TaskDefinition(task="command", name=name, when=when, fields=command))
    return GivenTask(task, command)


def _from_anywhere(name: str, line: str, folder: Path | None, *, shell: bool) -> str:
    """Return a line that does the same in any folder."""
    program = line.split()[0]
    if folder is None:
        raise InvalidInputError(
            f"{name} is not carried over: its program '{sanitize(program)}' is relative to the"
            " folder in which it was run, which is not known: `zoneproof edit NAME --deploy"
            f" command:name={name},command=/...` takes its absolute path"
        )
    if shell and not _PLAIN.fullmatch(line):
        return f"cd {shlex.quote(str(folder))} && {line}"
    return f"{folder / program}{line.removeprefix(program)}"


def copies(paths: Mapping[str, str]) -> GivenTask | None:
    """Return the task that writes the parts of a certificate to absolute paths, None for none."""
    fields = {part: path for part, path in paths.items() if Path(path).is_absolute()}
    return GivenTask(TaskDefinition(task="copy", fields=fields)) if fields else None


def distinct(tasks: Iterable[GivenTask | None]) -> tuple[GivenTask, ...]:
    """Return the tasks that there are; of those of one name the later ones get numbers."""
    found: list[GivenTask] = []
    taken: set[str] = set()
    for one in tasks:
        if one is None:
            continue
        wanted = one.definition.name or one.definition.task
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted[:60]}-{number}", number + 1
        taken.add(name)
        found.append(GivenTask(replace(one.definition, name=name), one.secrets))
    return tuple(found)


def described(tasks: Sequence[TaskDefinition]) -> Iterable[str]:
    """Yield a line about each task, for who is to agree to it."""
    when = {"issued": "then", "always": "after each attempt", "before": "before each attempt"}
    for task in tasks:
        fields = ", ".join(f"{name}={value}" for name, value in task.fields.items())
        hidden = f"kept as the credential {task.credential}" if task.credential else ""
        yield f"{when.get(task.when, task.when)}: {task.name} ({task.task} {fields or hidden})"
