"""Runs other programs: no shell, little environment, a deadline, and bounded output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.core.files import exists, is_file, is_folder, open_file
from zoneproof.core.secretive import Secretive
from zoneproof.core.text import sanitize

_DENIED = "this user cannot execute it: check its mode (chmod +x) and its folders"
_FIRST_LINE = "a script needs a first line such as #!/bin/sh"
_LONGEST_FIRST_LINE = 4096  # bytes
_PLAIN = re.compile(r"[\w.+/][\w.+/-]*")  # neither an option of env nor a variable
# Where servers are, also for cron, whose PATH has none of them.
_MORE_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_MOST_OUTPUT = 64 * 1024  # bytes that are kept, from the end
_MOST_PRINTED = 64 * 1024 * 1024  # bytes on the disk, after which a program never ends by itself
_LOOK = 0.1  # seconds between looks at how much it has printed
_LONGEST = 3600.0  # seconds
# Our own environment may hold keys that the program has no business with, so it gets only what
# programs need to find themselves, a home, a language and a place for temporary files.
_INHERITED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"}
    # Windows
    | {"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE"}
    | {"APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES"}
)


def read_seconds(field: str, text: str) -> float:
    """Return for how many seconds a program may run, at most an hour. Raises InvalidInputError."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:
        raise InvalidInputError(
            f"{field} must be a number of seconds up to {_LONGEST:.0f}, not '{sanitize(text)}'"
        )
    return seconds


class ProgramError(ZoneproofError):
    """A program did not come to an end of its own: the message continues a sentence about it.

    ``started`` tells whether it may have done something: it ran, and was killed at its deadline.
    """

    def __init__(self, message: str, *, started: bool) -> None:
        super().__init__(message)
        self.started = started


class Ended(Secretive, frozen=True):
    """How a program ended: its exit status, negative for a signal, and the end of its output."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def failure(self) -> str:
        """What is wrong, to continue a sentence about the program; empty for the status 0."""
        if self.status == 0:
            return ""
        how = f"failed with exit status {self.status}"
        if self.status < 0:
            how = f"was ended by signal {-self.status}"
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        last = sanitize(lines[-1]) if lines else ""
        return f"{how}; its last output: {last or 'none'}"


async def run_program(
    command: Sequence[str], *, seconds: float, variables: Mapping[str, str]
) -> Ended:
    """Run a program to its end; the first word of ``command`` is its absolute path.

    Its environment is the usual minimum and ``variables``, its stdin is empty. After ``seconds``
    it is killed with everything that it started, and so it is when the caller is cancelled, or when
    it prints more than 64 MiB. What it leaves running when it ends is left alone. Raises
    ProgramError.
    """
    # Files and no pipes take the output: a pipe that a left-over child keeps open would have to be
    # waited for.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=_environment(variables),
                start_new_session=True,
            )
        except OSError as error:
            raise ProgramError(f"cannot be run: {_reason(error)}", started=False) from error
        try:
            async with asyncio.timeout(seconds):
                status = await _wait(process, (stdout, stderr))
        except TimeoutError as error:
            raise ProgramError(
                f"took longer than {seconds:g} seconds and was killed", started=True
            ) from error
        finally:
            if process.returncode is None:
                _kill_group(process)
                await process.wait()
        return Ended(status, _end_of(stdout), _end_of(stderr))


def find_program(name: str) -> str:
    """Return the absolute path of a program, also where a timer's PATH does not lead.

    Raises ProgramError.
    """
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *_MORE_FOLDERS]
    # What is in the current folder may be anybody's.
    found = shutil.which(name, path=os.pathsep.join(filter(os.path.isabs, folders)))
    if found is None:
        problem = "this program does not exist; install it, or give its path"
        if "/" in name and is_file(Path(name)):
            problem = "it is not executable: chmod +x it"
        raise ProgramError(f"cannot be run: {problem}", started=False)
    return str(Path(found).absolute())


async def _wait(process: asyncio.subprocess.Process, outputs: Sequence[IO[bytes]]) -> int:
    ending = asyncio.ensure_future(process.wait())
    try:
        while not (await asyncio.wait([ending], timeout=_LOOK))[0]:
            if any(os.fstat(output.fileno()).st_size > _MOST_PRINTED for output in outputs):
                raise ProgramError(
                    f"printed more than {_MOST_PRINTED >> 20} MiB and was killed", started=True
                )
        return ending.result()
    finally:
        ending.cancel()


def require_program(field: str, path: str) -> None:
    """Raise InvalidInputError if the program at an absolute path cannot be run by this user.

    It is not run: its mode is looked at, and its first line, if it is a script.
    """
    problem = _problem(Path(path))
    if problem:
        raise InvalidInputError(f"{field}: {sanitize(path)} cannot be run: {problem}")


def _problem(path: Path) -> str:
    if is_folder(path):
        return "it is a directory"
    if not os.access(path, os.X_OK):
        # What this user cannot look into is not told apart from what is missing.
        return _DENIED if exists(path) else "there is no such file"
    try:
        with open_file(path) as file:
            first = file.readline(_LONGEST_FIRST_LINE)
    except OSError:
        return ""  # to be executed it need not be readable
    if not first.startswith(b"#!"):
        return "" if b"\0" in first or os.name != "posix" else f"it is not a program: {_FIRST_LINE}"
    return _problem_of_first_line(first[2:].decode("utf-8", "replace").rstrip("\n"))


def _problem_of_first_line(line: str) -> str:
    if line.endswith("\r"):
        return "its first line ends in CR LF, as on Windows: save it with LF alone"
    interpreter, *arguments = line.split() or [""]
    missing = "" if os.access(interpreter, os.X_OK) else interpreter
    is_env = Path(interpreter).name == "env" and arguments and _PLAIN.fullmatch(arguments[0])
    if not missing and is_env and not shutil.which(arguments[0]):
        missing = arguments[0]
    if interpreter and not missing:
        return ""
    return f"its first line names the interpreter '{sanitize(missing)}', which is not there"


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED}
    return inherited | dict(variables)


def _kill_group(process: asyncio.subprocess.Process) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        # The program leads a session of its own, so its process group has its id.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _end_of(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _MOST_OUTPUT))
    return file.read(_MOST_OUTPUT)


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file, or its first line names no existing interpreter"
    if isinstance(error, PermissionError):
        return _DENIED
    return f"{error.strerror}: {_FIRST_LINE}"
