"""Ctrl-C while a command is only being loaded: it ends as it does later."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Whoever presses Ctrl-C while this module is imported.
AT_IMPORT = """
import os, signal, sys, weakref
signal.signal(signal.SIGINT, signal.default_int_handler)
module, where, sys.argv[1:] = *sys.argv[1:], ["list", "--help"]
def press(_=None):
    os.kill(os.getpid(), signal.SIGINT)
    for _ in "now":
        pass
class Press:
    def find_spec(self, name, *_):
        if name == module and where == "callback":
            there = self.__class__()
            tie = weakref.ref(there, press)
            del there
        elif name == module:
            press()
sys.meta_path.insert(0, Press())
from zoneproof.__main__ import main
main()
"""
AT_END = """
import atexit, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.argv[1:] = ["--version"]
from zoneproof.__main__ import main
main()
"""


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends a signal of POSIX")


@pytest.mark.parametrize("where", ["import", "callback"])  # where Python swallows exceptions
@pytest.mark.parametrize("module", ["click", "zoneproof.core.errors", "zoneproof.cli.status"])
def test_a_command_that_is_interrupted_while_it_is_loaded_ends_in_one_line(
    module: str, where: str
) -> None:
    command = [sys.executable, "-c", AT_IMPORT, module, where]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.strip() == "zoneproof: interrupted"


def test_a_command_that_is_interrupted_at_its_end_ends_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_END], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stdout.startswith("zoneproof")
    assert done.stderr == "zoneproof: interrupted\n"
