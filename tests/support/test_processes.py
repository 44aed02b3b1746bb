"""Tests in several processes: all are run, each file in one process, and nothing gets lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.inner_pytest import BARE, COMMAND

_COMMAND = (*COMMAND, "-p", "tests.support.processes", "--processes=3")


def _run(folder: Path, *options: str, expected: str = "", **files: str) -> str:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    done = subprocess.run(
        [*_COMMAND, "--rootdir=.", *options],
        cwd=folder,
        env=BARE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert expected in done.stderr if expected else not done.stderr
    return done.stdout


_SHARING = """
import os
import pytest

@pytest.fixture(scope="session")
def everywhere(tmp_path_factory):
    yield tmp_path_factory.getbasetemp()

ended = []

@pytest.fixture(scope="module")
def shared(everywhere):
    yield os.getpid()
    ended.append(1)

@pytest.mark.parametrize("number", range(20))
def test_one(number, shared, tmp_path, everywhere):
    assert shared == os.getpid() and everywhere in tmp_path.parents and not ended
    (everywhere / f"it is {number} of {__name__}").touch()
"""


def test_a_file_is_run_in_one_process_with_all_that_its_tests_share(tmp_path: Path) -> None:
    files = {f"test_{name}": _SHARING for name in ("a", "b", "c", "d", "e")}
    found = _run(tmp_path, f"--basetemp={tmp_path / 'files'}", **files)
    assert "100 passed" in found
    folders = [sum(1 for _ in each.glob("it is*")) for each in (tmp_path / "files").iterdir()]
    assert len(folders) == 3
    assert all(folder >= 20 for folder in folders)


_FAILING = """
import pytest

def test_before():
    print("said before")

def test_failing():
    print("said by {name}")
    assert 1 + 1 == 3

@pytest.mark.skip(reason="of {name}")
def test_skipped(): ...

@pytest.fixture
def broken():
    yield
    raise ValueError("broken {name}")

def test_whose_end_fails(broken): ...
"""


def test_failures_are_told_with_what_their_test_said(tmp_path: Path) -> None:
    names = ("first", "second", "third", "fourth")
    files = {f"test_{name}": _FAILING.format(name=name) for name in names}
    found = _run(tmp_path, "-ra", **files)
    assert "4 failed, 8 passed, 4 skipped, 4 errors" in found
    for name in names:
        assert f"SKIPPED [1] test_{name}.py:11: of {name}" in found
        assert f"ERROR test_{name}.py::test_whose_end_fails - ValueError: broken {name}" in found
        assert found.count(f"said by {name}\n") == 1
    assert "said before" not in found


_DYING = """
import os, signal

def test_before(): ...

def test_dying():
    os.kill(os.getpid(), signal.SIGKILL)

def test_after(): ...

def test_exiting():
    os._exit(3)
"""


def test_a_process_that_ends_fails_the_test_that_it_ran(tmp_path: Path) -> None:
    names = ("a", "b", "c", "d")
    found = _run(tmp_path, **{f"test_{name}": _DYING for name in names})
    assert "8 failed, 8 passed" in found
    for name in names:
        assert f"FAILED test_{name}.py::test_dying - the process that ran" in found
        assert f"FAILED test_{name}.py::test_exiting" in found
    assert found.count("this test ended with -9") >= 4


_HANGING = """
import subprocess, time
import pytest

@pytest.fixture
def server():
    with open("held", "wb") as held, subprocess.Popen(["sleep", "1000"], stdout=held):
        yield
        hang()

def hang():
    while True:
        try:
            time.sleep(1000)
        except BaseException: ...

def test_before(): ...

def test_hanging(server): ...

def test_after(): ...
"""


_BUSY = """
import time, pytest

@pytest.mark.parametrize("number", range(300))
def test_short(number):
    time.sleep(0.01)
"""


def test_a_process_that_hangs_fails_the_test_that_it_ran_and_says_where(tmp_path: Path) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    found = _run(tmp_path, "--longest=1", expected="in hang", test_a=_HANGING, test_b=_BUSY)
    assert "1 failed, 302 passed" in found
    told = found[found.index(".F") : found.index("= FAILURES")]
    assert told.count(".") > 50  # not only once the others have nothing more to say
    assert "FAILED test_a.py::test_hanging - still running after 1 seconds" in found
    assert not os.read(reader, 1)  # nobody has it open any longer
    os.close(reader)


def test_a_process_that_others_forked_from_ends_all_the_same(tmp_path: Path) -> None:
    forking = "import os, time\ndef test_one():\n    os.fork() or time.sleep(1000)\n    os._exit(3)"
    found = _run(tmp_path, test_a=forking, test_b="def test_one(): ...")
    assert "1 failed, 1 passed" in found


def test_the_first_failure_is_the_end_if_it_should_be(tmp_path: Path) -> None:
    files = {f"test_{number}": f"def test_one(): assert {number} > 0" for number in range(9)}
    assert "stopping after 1 failures" in _run(tmp_path, "-x", **files)


def test_so_it_is_in_the_background_of_a_shell(tmp_path: Path) -> None:
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        test_the_first_failure_is_the_end_if_it_should_be(tmp_path)
    finally:
        signal.signal(signal.SIGINT, ours)


def test_what_cannot_be_collected_runs_nothing(tmp_path: Path) -> None:
    found = _run(tmp_path, test_a="def test_one(): ...", test_b="import nothing_of_the_kind")
    assert "1 error" in found
    assert "Interrupted" in found
    assert "passed" not in found


_WAITING = """
import os, pathlib, time
import pytest

@pytest.fixture(scope="module")
def server():
    here = pathlib.Path(__file__)
    yield
    here.with_suffix(".ended").touch()

def test_waiting(server):
    with open(os.path.dirname(__file__) + "/begun", "w") as pipe:
        pipe.write("x")
    while True:  # one call could begin just after the interrupt, and would not end
        time.sleep(0.05)
"""


@pytest.mark.parametrize("whom", [os.kill, os.killpg], ids=["one", "all"])
def test_an_interrupt_ends_what_tests_have_begun(
    tmp_path: Path, whom: Callable[[int, int], None]
) -> None:
    for name in ("test_a", "test_b", "test_c"):
        (tmp_path / f"{name}.py").write_text(_WAITING)
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    with (
        begun.open("r+b", 0) as pipe,
        subprocess.Popen(
            [*_COMMAND, "--rootdir=."],
            cwd=tmp_path,
            env=BARE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as running,
    ):
        try:
            for _ in range(3):
                assert pipe.read(1) == b"x"
            whom(running.pid, signal.SIGINT)
            found = running.communicate(timeout=30)[0]
        finally:
            running.kill()
    assert "KeyboardInterrupt" in found
    assert running.returncode == 2
    assert len(list(tmp_path.glob("*.ended"))) == 3


_LEFT_OPEN = """
import asyncio, uvloop

def test_it():
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.start_server(print, "127.0.0.1"))
"""


def test_what_is_left_open_in_a_loop_does_not_keep_it_from_its_end(tmp_path: Path) -> None:
    settings = Path(__file__).parents[2] / "pyproject.toml"
    plugins = ("-panyio.pytest_plugin", "-ppytest_timeout")
    found = _run(tmp_path, f"-c{settings}", *plugins, "test_a.py", test_a=_LEFT_OPEN)
    assert "1 passed" in found


_HOLDING = """
import time

def test_hanging():
    with open("held", "wb", buffering=0) as held:
        held.write(b"x")
        time.sleep(1000)
"""


def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    (tmp_path / "test_a.py").write_text(_HOLDING)
    command = [*_COMMAND, "--rootdir=."]
    with (
        subprocess.Popen(command, cwd=tmp_path, env=BARE, stdout=subprocess.DEVNULL) as run,
        (tmp_path / "held").open("rb") as held,
    ):
        assert held.read(1) == b"x"
        run.kill()
        assert held.read() == b""  # which comes once nobody has it open
