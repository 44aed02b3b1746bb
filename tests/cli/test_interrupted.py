"""Ctrl-C while a command is only being loaded: it ends as it does later."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Whoever presses Ctrl-C while this module is imported.
AT_IMPORT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
module, sys.argv[1:] = sys.argv[1], ["list", "--help"]
class Press:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
from zoneproof.__main__ import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal of POSIX")
@pytest.mark.parametrize("module", ["click", "zoneproof.core.errors", "zoneproof.cli.status"])
def test_a_command_that_is_interrupted_while_it_is_loaded_ends_in_one_line(module: str) -> None:
    command = [sys.executable, "-c", AT_IMPORT, module]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.strip() == "zoneproof: interrupted"
