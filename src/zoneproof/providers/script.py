"""The provider that runs a person's own program for each record; no shell is between."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, ClassVar

from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.core.files import absolute_path
from zoneproof.core.text import sanitize
from zoneproof.providers.contract import CredentialField, ProviderContext, ProviderInfo, Zone

_AT_ONCE = 20  # programs, each for a zone of its own
_CHALLENGE_LABEL = "_acme-challenge."
_LONGEST_TIMEOUT = 3600.0
_READ_STDERR = 4096  # bytes from the end
# Our own environment may hold keys that the script has no business with, so it gets only what
# programs need to find themselves, a home, a language and a place for temporary files.
_INHERITED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"}
    # Windows
    | {"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE"}
    | {"APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES"}
)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        raise InvalidInputError(
            f"script: timeout must be a number of seconds up to {_LONGEST_TIMEOUT:.0f}, not"
            f" '{sanitize(text)}'"
        )
    return seconds


class Script:
    """Runs ``create`` or ``delete`` with the arguments domain, record name, value and zone id."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="script",
        title="Own script",
        homepage="",
        fields=(
            CredentialField(
                "create",
                "absolute path of the program that adds a TXT value",
                check=partial(absolute_path, "script: create"),
            ),
            CredentialField(
                "delete",
                "absolute path of the program that removes a TXT value; may be the same program,"
                " which finds create or delete in ZONEPROOF_ACTION",
                check=partial(absolute_path, "script: delete"),
            ),
            CredentialField("zone_id", "handed to the program as its fourth argument", default=""),
            CredentialField(
                "timeout", "seconds that the program may take", default="120", check=_seconds
            ),
        ),
        notes="The program gets four arguments: the domain that is validated, the full name of the"
        " TXT record, its value, and the zone id (empty if there is none), none with a trailing"
        " dot. The same stand in `ZONEPROOF_DOMAIN`, `ZONEPROOF_RECORD`, `ZONEPROOF_VALUE` and"
        " `ZONEPROOF_ZONE_ID`; `ZONEPROOF_ZONE` is the zone's name and `ZONEPROOF_ACTION` is"
        " `create` or `delete`. The rest of its environment is the usual minimum (`PATH`, `HOME`,"
        " language, time zone, temporary folder), never Zoneproof's own. A value may begin with"
        " `-`. It is run once at a time for each zone, must keep other values at the name, and must"
        " succeed when there is nothing to do. Any exit status but 0 is a failure whose"
        " message is the last line of stderr; at the timeout it is killed with everything that it"
        " started.",
    )

    def __init__(self, context: ProviderContext) -> None:
        self._create = absolute_path("script: create", context.fields["create"])
        self._delete = absolute_path("script: delete", context.fields["delete"])
        self._zone_id = context.fields["zone_id"]
        self._timeout = _seconds(context.fields["timeout"])
        self._locks = KeyedLocks()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def zones(self) -> list[Zone]:
        """Return nothing: the zone is found by asking the DNS."""
        return []

    async def add_txt(self, zone: Zone, name: str, value: str, ttl: int) -> None:
        """Run ``create``, which sets a TTL of its own."""
        await self._run("create", self._create, zone, name, value)

    async def remove_txt(self, zone: Zone, name: str, value: str) -> None:
        """Run ``delete``."""
        await self._run("delete", self._delete, zone, name, value)

    async def close(self) -> None:
        """Release nothing."""

    async def _run(self, action: str, program: Path, zone: Zone, name: str, value: str) -> None:
        record = zone.record(name).text
        domain = record.removeprefix(_CHALLENGE_LABEL)
        zone_id = self._zone_id or zone.id
        if "\0" in value + zone_id:
            raise InvalidInputError(f"script {program}: a value cannot hold a NUL character")
        variables = {
            "ACTION": action,
            "DOMAIN": domain,
            "RECORD": record,
            "VALUE": value,
            "ZONE": zone.name.text,
            "ZONE_ID": zone_id,
        }
        where = f"script {program} ({action}, zone {zone.name})"
        # People's scripts read, edit and write; few of them expect a second run meanwhile.
        async with self._locks(zone.name), self._slots:
            await self._run_now(where, [str(program), domain, record, value, zone_id], variables)

    async def _run_now(self, where: str, command: list[str], variables: Mapping[str, str]) -> None:
        with tempfile.TemporaryFile() as stderr:
            status = await self._exit_status(where, command, _environment(variables), stderr)
            if status != 0:
                words = sanitize(_last_line(stderr)) or "nothing"
                raise ProviderError(f"{where} {_ended(status)}, its last words: {words}")

    async def _exit_status(
        self, where: str, command: list[str], environment: Mapping[str, str], stderr: IO[bytes]
    ) -> int:
        # A file and no pipe takes stderr: a pipe that a left-over child keeps open would have to
        # be waited for.
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise ProviderError(
                f"{where} cannot be run: {_cannot_run(error)}", changed_nothing=True
            ) from error
        try:
            async with asyncio.timeout(self._timeout):
                return await process.wait()
        except TimeoutError as error:
            raise ProviderError(
                f"{where} took longer than {self._timeout:g} seconds and was killed; whether the"
                " record was changed is not known: make the program faster or raise the field"
                " timeout"
            ) from error
        finally:
            if process.returncode is None:
                _kill_group(process)
                await process.wait()


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED}
    return inherited | {f"ZONEPROOF_{name}": value for name, value in variables.items()}


def _kill_group(process: asyncio.subprocess.Process) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        # The program leads a session of its own, so its process group has its id.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _last_line(stderr: IO[bytes]) -> bytes:
    size = stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, size - _READ_STDERR))
    lines = [line for line in stderr.read(_READ_STDERR).splitlines() if line.strip()]
    return lines[-1] if lines else b""


def _ended(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"failed with exit status {status}"


def _cannot_run(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file, or its first line names no existing interpreter"
    if isinstance(error, PermissionError):
        return "this user may not execute it: check its mode (chmod +x) and its folders"
    return f"{error.strerror}: a script needs a first line such as #!/bin/sh"
