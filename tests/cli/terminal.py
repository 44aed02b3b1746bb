"""Runs the ``zoneproof`` command at a terminal, and types answers to what it asks."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Callable, Mapping, Sequence

from tests.support import command
from tests.support.command import Result

Answer = str | Callable[[str], str]

_LONGEST_SILENCE = 60  # seconds; then it waits for an answer that the dialogue does not have


def run_at_terminal(
    arguments: Sequence[str],
    dialogue: Sequence[tuple[str, Answer]],
    environment: Mapping[str, str],
    module: str = "zoneproof",
) -> Result:
    """Run the command, or another ``module``, and type each answer once its text is there.

    An answer that is a function does something first, and gets what the command has told so far.
    """
    ours, theirs = pty.openpty()
    process = command.start(
        arguments,
        {**os.environ, **environment},
        (theirs, theirs, theirs),
        module=module,
        at_terminal=True,
    )
    os.close(theirs)
    told, seen = "", 0
    expected = list(dialogue)
    while text := _read(ours):
        told += text
        while expected and expected[0][0] in told[seen:]:
            question, answer = expected.pop(0)
            seen = told.index(question, seen) + len(question)
            typed = answer if isinstance(answer, str) else answer(told)
            os.write(ours, f"{typed}\n".encode())
    os.close(ours)  # which ends a command that still waits
    status = process.wait_or_kill(timeout=60)
    assert not expected, told
    return Result(status, told, "")


def _read(descriptor: int) -> str:
    """Return what was printed, nothing once the command has left the terminal or stands still."""
    if not select.select([descriptor], [], [], _LONGEST_SILENCE)[0]:
        return ""
    try:
        return os.read(descriptor, 65536).decode()
    except OSError:  # Linux says so when the last process has left the terminal
        return ""


def paste_at_terminal(text: str, environment: Mapping[str, str]) -> str:
    """Type all of the text at once into a shell at a terminal, and return what it shows."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["/bin/sh", "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, **environment},
    ) as shell:
        os.close(theirs)
        os.write(ours, f"{text}exit\n".encode())
        told = ""
        while more := _read(ours):
            told += more
        os.close(ours)
        shell.wait(timeout=60)
    return told
