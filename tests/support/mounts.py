"""Tests that mount file systems, in a mount namespace of their own."""

from __future__ import annotations

import shutil
import subprocess

import pytest

needs_mounts = pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode
    != 0,
    reason="file systems can be mounted by root alone",
)
