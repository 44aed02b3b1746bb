"""The runner of other programs: arguments, environment, deadlines, output and what cannot start."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.programs import ProgramError, require_program, run_program

TELLER = f"""#!{sys.executable} -IS
import json, os, sys
json.dump([sys.argv[1:], dict(os.environ), sys.stdin.read()], sys.stdout)
"""


def program(folder: Path, text: str) -> str:
    path = folder / "program"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@asynccontextmanager
async def hears_of_its_end(folder: Path) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Give a program whose child holds a named pipe open, and what is set once it does.

    The block is left when nobody holds the pipe open any more.
    """
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    is_up = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard() -> None:
        is_up.set()
        loop.remove_reader(reader)

    loop.add_reader(reader, heard)
    try:
        yield program(folder, f"#!/bin/sh\n(echo up; sleep 600; echo no) > {pipe} &\nwait\n"), is_up
        os.set_blocking(reader, True)
        while os.read(reader, 100):
            pass  # the end of the file comes when no writer is left
    finally:
        loop.remove_reader(reader)
        os.close(reader)


@pytest.mark.parametrize("value", ["$(touch /tmp/x)", "`id`", "a; exit 9", "-rf", "", "a\nb", "*"])
async def test_arguments_and_environment_arrive_as_they_are_and_nothing_else(
    tmp_path: Path, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZONEPROOF_KEY", "must-stay-here")
    command = [program(tmp_path, TELLER), value]
    ended = await run_program(command, seconds=30.0, variables={"OWN": value})
    arguments, environment, stdin = json.loads(ended.stdout)
    assert (arguments, environment["OWN"], stdin) == ([value], value, "")
    assert environment["PATH"] == os.environ["PATH"]
    assert "ZONEPROOF_KEY" not in environment
    assert ended.failure == ""


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ("exit 1", "failed with exit status 1; its last output: none"),
        ("echo out; exit 3", "failed with exit status 3; its last output: none"),
        ("echo first >&2; echo last >&2; echo >&2; exit 1", "last"),
        ("printf '\\033[31mred\\033[0m\\a \\342\\200\\256bidi\\n\\n' >&2; exit 1", "red bidi"),
        ("printf '\\377\\376 bytes' >&2; exit 1", "\ufffd\ufffd bytes"),
        ("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1", "x" * 197 + "..."),
        ("kill -9 $$", "was ended by signal 9; its last output: none"),
    ],
)
async def test_the_last_words_are_one_bounded_printable_line(
    tmp_path: Path, body: str, failure: str
) -> None:
    ended = await run_program(
        [program(tmp_path, f"#!/bin/sh\n{body}\n")], seconds=30.0, variables={}
    )
    assert ended.failure.endswith(failure)
    assert ended.failure.isprintable()


async def test_only_the_end_of_much_output_is_kept(tmp_path: Path) -> None:
    body = "head -c 300000 /dev/zero; printf out; head -c 300000 /dev/zero >&2; printf err >&2"
    ended = await run_program(
        [program(tmp_path, f"#!/bin/sh\n{body}\n")], seconds=30.0, variables={}
    )
    for kept, end in [(ended.stdout, b"out"), (ended.stderr, b"err")]:
        assert kept.endswith(end)
        assert len(kept) == 64 * 1024


async def test_the_deadline_kills_the_whole_process_group(tmp_path: Path) -> None:
    async with hears_of_its_end(tmp_path) as (slow, _):
        with pytest.raises(ProgramError, match=r"took longer than 0\.5 seconds") as caught:
            await run_program([slow], seconds=0.5, variables={})
    assert caught.value.started


async def test_who_is_cancelled_leaves_nothing_running(tmp_path: Path) -> None:
    async with hears_of_its_end(tmp_path) as (slow, is_up):
        running = asyncio.create_task(run_program([slow], seconds=60.0, variables={}))
        await is_up.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_child_left_behind_is_not_waited_for(tmp_path: Path) -> None:
    body = f"sleep 600 &\necho $! > {tmp_path}/pid\necho done\nexit 0"
    ended = await run_program(
        [program(tmp_path, f"#!/bin/sh\n{body}\n")], seconds=30.0, variables={}
    )
    assert (ended.status, ended.stdout) == (0, b"done\n")
    os.kill(int((tmp_path / "pid").read_text()), 9)


@pytest.mark.parametrize(
    ("text", "mode", "word"),
    [
        (None, 0, "no such file"),
        ("#!/no/such/interpreter\n", 0o755, "interpreter"),
        ("#!/bin/sh\n", 0o644, "chmod"),
        ("\x7fnothing that runs", 0o755, "first line"),
    ],
)
async def test_what_cannot_be_run_is_told_with_advice(
    tmp_path: Path, text: str | None, mode: int, word: str
) -> None:
    path = tmp_path / "program"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(ProgramError, match=f"cannot be run: .*{word}") as caught:
        await run_program([str(path)], seconds=30.0, variables={})
    assert not caught.value.started


# --- before it is run --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        ("#!/bin/sh\n", 0o644, "this user cannot execute it"),
        ("#!/nonexistent/sh -e\n", 0o755, "the interpreter '/nonexistent/sh', which is not there"),
        ("#!/usr/bin/env nonexistent\n", 0o755, "the interpreter 'nonexistent', which is not"),
        ("#!sh\n", 0o755, "the interpreter 'sh', which is not there"),
        ("#!\n", 0o755, "the interpreter '', which is not there"),
        ("#!/bin/sh\r\n", 0o755, "CR LF"),
        ("echo hello\n", 0o755, "#!/bin/sh"),
        ("", 0o755, "#!/bin/sh"),
    ],
)
def test_a_program_that_cannot_run_is_known_without_running_it(
    tmp_path: Path, text: str, mode: int, reason: str
) -> None:
    path = program(tmp_path, text)
    Path(path).chmod(mode)
    with pytest.raises(InvalidInputError) as caught:
        require_program("hook", path)
    assert caught.value.message.startswith(f"hook: {path} cannot be run: ")
    assert reason in caught.value.message


@pytest.mark.parametrize("wrong", ["/nonexistent", "/", "/dev/null/hook"])
def test_what_is_not_a_program_is_known(wrong: str) -> None:
    with pytest.raises(InvalidInputError, match=r"no such file|is a directory"):
        require_program("hook", wrong)


@pytest.mark.parametrize(
    "line", ["#!/bin/sh", "#! /bin/sh -e", "#!/usr/bin/env sh", "#!/usr/bin/env -S sh -e"]
)
def test_a_program_that_can_run_is_not_refused(tmp_path: Path, line: str) -> None:
    require_program("hook", program(tmp_path, f"{line}\n"))
    require_program("hook", sys.executable)
