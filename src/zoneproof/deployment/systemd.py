"""The task that has systemd reload or restart a unit."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.core.fields import CredentialField
from zoneproof.core.text import sanitize
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.deployment.programs import program_problems, run, run_once

_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,255}")
_SECONDS = 300.0
_SYSTEMCTL = ("systemctl", "--no-ask-password")


def check_unit(field: str, text: str) -> str:
    """Return the name of a unit. Raises InvalidInputError."""
    if not _UNIT.fullmatch(text) or text.startswith("-"):
        raise InvalidInputError(f"{field}: '{sanitize(text)}' is not the name of a systemd unit")
    return text


def systemctl(action: str, unit: str, *, scope: str = "system") -> Sequence[str]:
    """Return the command that does something with a unit of the ``system`` or of the ``user``."""
    return (*_SYSTEMCTL, f"--{scope}", action, "--", unit)


async def unit_problems(unit: str, *, scope: str = "system") -> list[str]:
    """Return why systemd could not reload or restart a unit."""
    problems = program_problems(_SYSTEMCTL)
    if problems:
        return problems
    try:
        show = ["show", "--property=LoadState", "--value"]
        command = (*_SYSTEMCTL, f"--{scope}", *show, "--", unit)
        ended = await run(command, seconds=_SECONDS, variables=_variables(scope))
        said = ended.stdout.decode(errors="replace").strip()
    except DeploymentError as error:
        return [error.message]
    if said in ("loaded", "stub"):
        return []
    return [f"systemd does not know the unit {unit} ({sanitize(said) or 'it said nothing'})"]


def _variables(scope: str) -> dict[str, str]:
    """Return what systemctl needs to find the systemd of this user, also from a timer."""
    if scope != "user":
        return {}
    return {"XDG_RUNTIME_DIR": os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")}


class Systemd:
    """Runs ``systemctl`` for a unit."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="systemd",
        title="Reload a systemd unit",
        homepage="https://www.freedesktop.org/software/systemd/man/latest/systemctl.html",
        any_time=True,
        fields=(
            CredentialField(
                "unit", "name of the unit, such as postfix", check=partial(check_unit, "unit")
            ),
            CredentialField(
                "action",
                "what systemd does with it",
                default="reload-or-restart",
                choices=("reload", "restart", "reload-or-restart", "start", "stop"),
            ),
            CredentialField(
                "scope",
                "whose unit it is: the system's, or that of the user who runs Zoneproof",
                default="system",
                choices=("system", "user"),
            ),
        ),
        notes="Runs `systemctl`, which has to succeed: reloading a unit that is not running fails,"
        " `reload-or-restart` starts it.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context = context
        fields = context.fields
        self._unit, self._action, self._scope = fields["unit"], fields["action"], fields["scope"]

    async def run(self, occasion: Occasion) -> str:
        """Have systemd do it."""
        command = systemctl(self._action, self._unit, scope=self._scope)
        variables = _variables(self._scope)
        await run_once(command, self._context, seconds=_SECONDS, variables=variables)
        return f"{self._unit}: {self._action}"

    async def problems(self) -> list[str]:
        """Ask systemd whether it knows the unit."""
        return await unit_problems(self._unit, scope=self._scope)
