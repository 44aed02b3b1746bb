"""The task that has HAProxy take up a certificate."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import ClassVar

from zoneproof.core.errors import DeploymentError
from zoneproof.core.fields import CredentialField
from zoneproof.core.files import absolute_path, read_file
from zoneproof.deployment.contract import TaskContext, TaskInfo
from zoneproof.deployment.parts import file_fields
from zoneproof.deployment.programs import run, words_check
from zoneproof.deployment.servers import SECONDS, WebServer
from zoneproof.deployment.systemd import check_unit, systemctl, unit_problems

_PROC = Path("/proc")
_RELOAD = getattr(signal, "SIGUSR2", signal.SIGTERM)  # Windows has none, nor HAProxy


class Haproxy(WebServer):
    """Copies, runs ``haproxy -c``, and reloads."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="haproxy",
        title="HAProxy",
        homepage="https://docs.haproxy.org/2.6/management.html",
        fields=(
            *file_fields("combined", "fullchain", "key"),
            CredentialField(
                "program",
                "how HAProxy tests its configuration",
                default="haproxy -f /etc/haproxy/haproxy.cfg",
                check=words_check("program"),
            ),
            CredentialField(
                "unit",
                "systemd unit to reload",
                default="haproxy",
                check=partial(check_unit, "unit"),
            ),
            CredentialField(
                "pid_file",
                "file with the process number of HAProxy's master (haproxy -W -p), which is then"
                " sent SIGUSR2, in place of a unit",
                default="",
                check=partial(absolute_path, "pid_file"),
            ),
        ),
        notes="Let `crt` name the file that is written to `combined`, or the folder that it is in."
        " `haproxy -c` tests the configuration first. If that fails, the old files come back and"
        " nothing is reloaded. HAProxy has to run in master-worker mode, as packages run it.",
    )
    tests = ("-c",)  # -q would keep it from saying what is wrong
    stopped = ("is not active",)

    def __init__(self, context: TaskContext) -> None:
        super().__init__(context)
        self._unit, self._pid_file = context.fields["unit"], context.fields["pid_file"]

    async def reload(self) -> None:
        """Have systemd reload the unit, or signal the master."""
        if self._pid_file:
            os.kill(self._master(), _RELOAD)
        else:
            await run(systemctl("reload", self._unit), seconds=SECONDS)

    def _master(self) -> int:
        path = Path(self._pid_file)
        process = 0
        try:
            process = int(read_file(path).split()[0])
            name = read_file(_PROC / str(process) / "comm")
        except (OSError, ValueError, IndexError) as error:
            if process > 0 and _runs(process):
                raise DeploymentError(
                    f"process {process}, which {path} names, is hidden from this one: where that is"
                    " a systemd unit's doing, ProtectProc=default there lets it see others"
                ) from error
            raise DeploymentError(f"no HAProxy runs that {path} names: start it") from error
        if not name.startswith(b"haproxy"):  # SIGUSR2 would end another program
            raise DeploymentError(f"{path} does not name a HAProxy, but process {process}")
        return process

    async def problems(self) -> list[str]:
        """Look for HAProxy and what reloads it, and at folders and owners."""
        problems = await super().problems()
        if not self._pid_file:
            return [*problems, *await unit_problems(self._unit)]
        try:
            self._master()
        except DeploymentError as error:
            problems.append(error.message)
        return problems


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
