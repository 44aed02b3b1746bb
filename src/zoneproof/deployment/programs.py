"""Runs the programs of tasks: finds them, and finishes what a killed run began, without repeating.

A program continues when the Zoneproof that runs it is killed. So a shell of two lines writes into
the task's progress file that it runs, and its exit status at its end: the next run waits for it and
takes its status, in place of running it again.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from zoneproof.core import programs as core_programs
from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.core.programs import Ended, ProgramError, run_program
from zoneproof.core.text import sanitize
from zoneproof.deployment.contract import TaskContext

# Its words are handed over as arguments, so nothing of them is read as a shell's text.
_NOTING = 'echo $$ >"$0" && { "$@"; s=$?; echo "$$ $s" >"$0"; exit $s; }'
_LOOK = 0.1  # seconds between looks at a program of an earlier run
_LONGEST_WORDS = 400  # characters of what a program said
_LINES = 4

# Of a command line: what is in quotes, the words that are a shell's alone, and what it expands.
_QUOTED = re.compile(r"""'[^']*'|"(?P<double>(?:\\.|[^"\\])*)"|\\.""", re.DOTALL)
_OPERATOR = re.compile(r"(&&?|\|\|?|;|[\d&]*(?:>>?|<<?)).*|.*(;)", re.DOTALL)
_EXPANDED = re.compile(r"\$(?=[\w{(])|`")
_READ_BY_SHELLS = ("sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "ssh")


def split_words(field: str, text: str) -> list[str]:
    """Return the words of a command line as a shell splits it. Raises InvalidInputError.

    The program is a name, which is looked up in PATH, or an absolute path: relative to whatever
    folder is the current, it could be anybody's.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidInputError(f"{field}: '{sanitize(text)}' cannot be split: {error}") from error
    if not words or "\0" in text:
        raise InvalidInputError(f"{field}: '{sanitize(text)}' names no program")
    if "/" in words[0] and not words[0].startswith("/"):
        raise InvalidInputError(
            f"{field}: the program '{sanitize(words[0])}' must be an absolute path, or a name that"
            " is in PATH, because renewals run in other folders"
        )
    return words


def words_check(field: str) -> partial[list[str]]:
    """Return the check of a field that holds a command line."""
    return partial(split_words, field)


def find_program(name: str) -> str:
    """Return a program's absolute path. Raises DeploymentError."""
    try:
        return core_programs.find_program(name)
    except ProgramError as error:
        reason = error.message.removeprefix("cannot be run: ")
        raise DeploymentError(f"cannot run {sanitize(name)}: {reason}") from error


def program_problems(words: Sequence[str]) -> list[str]:
    """Return why the program of a command line cannot be found; nothing if it can."""
    try:
        find_program(words[0])
    except DeploymentError as error:
        return [error.message]
    return []


def shell_problems(line: str) -> list[str]:
    """Return what of a command line would need a shell, in which nobody runs it."""
    *words, last = _QUOTED.sub("_", line).split() or [""]
    words += [last] if last != ";" else []  # as the last word it is an argument of find
    found = [match[1] or match[2] for word in words if (match := _OPERATOR.fullmatch(word))]
    if not {word.rpartition("/")[2] for word in words} & {*_READ_BY_SHELLS}:
        unquoted = _QUOTED.sub(lambda quoted: quoted["double"] or "_", line)
        found += _EXPANDED.findall(unquoted)
    if not found:
        return []
    return [f"no shell reads the '{found[0]}' in its command: write sh -c '...', or a script"]


async def run(
    words: Sequence[str],
    *,
    seconds: float,
    variables: Mapping[str, str] | None = None,
) -> Ended:
    """Run a program to its end. Raises DeploymentError if it fails, with its last words."""
    command = [find_program(words[0]), *words[1:]]
    return _good(words, await _run(words, command, seconds, variables))


async def run_once(
    words: Sequence[str],
    context: TaskContext,
    *,
    seconds: float,
    variables: Mapping[str, str] | None,
    hidden: Sequence[str] = (),
) -> str:
    """Do what :func:`run` does, unless an earlier run of the task did; return its last words.

    What is ``hidden`` is left out of these, and of errors.
    """
    command = [find_program(words[0]), *words[1:]]
    progress = context.progress
    if progress is None or os.name != "posix":
        return last_words(
            _good(words, await _run(words, command, seconds, variables), hidden), hidden
        )
    status = await _earlier(progress, words, context, seconds)
    if status is not None:
        _good(words, Ended(status, b"", b"(it ended while Zoneproof was stopped)"))
        return "it ended while Zoneproof was stopped"
    noting = ["/bin/sh", "-c", _NOTING, str(progress), *command]
    return last_words(_good(words, await _run(words, noting, seconds, variables), hidden), hidden)


async def _run(
    words: Sequence[str],
    command: Sequence[str],
    seconds: float,
    variables: Mapping[str, str] | None,
) -> Ended:
    try:
        return await run_program(command, seconds=seconds, variables=variables or {})
    except ProgramError as error:
        raise DeploymentError(f"{sanitize(words[0])} {error.message}") from error


def _good(words: Sequence[str], ended: Ended, hidden: Sequence[str] = ()) -> Ended:
    if ended.status == 0:
        return ended
    how = f"failed with exit status {ended.status}"
    if ended.status < 0:
        how = f"was ended by signal {-ended.status}"
    said = last_words(ended, hidden)
    raise DeploymentError(f"{sanitize(words[0])} {how}, {with_words(said)}")


def with_words(said: str) -> str:
    """Return the end of an error message: the program's own words, or that it said nothing."""
    return f"and said: {said}" if said else "without a message"


def last_words(ended: Ended, hidden: Sequence[str]) -> str:
    """Return the last lines that a program wrote, errors before the rest, as one."""
    for output in (ended.stderr, ended.stdout):
        lines = [line for line in output.splitlines() if line.strip()][-_LINES:]
        if lines:
            return sanitize(b"; ".join(lines), limit=_LONGEST_WORDS, secrets=hidden)
    return ""


async def _earlier(
    progress: Path, words: Sequence[str], context: TaskContext, seconds: float
) -> int | None:
    """Return the exit status of an earlier run once it has ended, None if it did not end."""
    waited = 0.0
    while True:
        process, status = _noted(progress)
        if status is not None or not process:
            return status
        if not _is_running(process, progress):
            return _noted(progress)[1]
        if waited > seconds:
            raise DeploymentError(
                f"{sanitize(words[0])} of an earlier run is still running (process"
                f" {process}): wait for it to end, or stop it"
            )
        await context.sleep(_LOOK)
        waited += _LOOK


def _noted(progress: Path) -> tuple[int, int | None]:
    """Return the process that the file names, 0 for none, and its exit status if it has ended."""
    with suppress(OSError, ValueError):
        numbers = [int(word) for word in progress.read_text().split()]
        if numbers:
            return numbers[0], numbers[1] if len(numbers) > 1 else None
    return 0, None


def _is_running(process: int, progress: Path) -> bool:
    # Its number may be another's by now, which does not have this file among its arguments.
    with suppress(OSError):
        return os.fsencode(progress) in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    return False
