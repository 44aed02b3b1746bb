"""A process that may open too few files: said so, and no bug of ours."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.inside import Inside


@pytest.mark.parametrize("most", [10, 14])
def test_that_too_few_files_may_be_open_is_said_with_what_helps(inside: Inside, most: int) -> None:
    inside.good("add", "a.example", "--provider=manual")
    command = f'ulimit -n {most}; exec "$0" -m zoneproof list'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        env={**os.environ, "ZONEPROOF_HOME": str(inside.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "this process may open no more files: raise its limit ('ulimit -n'" in done.stderr
    assert done.stderr.count("\n") == 1
