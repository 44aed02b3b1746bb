"""File systems that are full or read-only, for one command in a mount namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

needs_mounts = pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode
    != 0,
    reason="file systems can be mounted by root alone",
)


def on_read_only_disk(home: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run the command where a home's file system is mounted read-only."""
    return mounted(home, f"mount --bind {home} {home} && mount -o remount,ro,bind {home}", command)


def on_full_disk(home: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run the command where a copy of the home fills its file system."""
    fill = f"cp -a {home}/. $there && (head -c 9m /dev/zero >$there/fill; true) 2>$there/../said"
    bind = f"mount --bind $there {home}"
    there = f"there={home}.full && mkdir -p $there && mount -t tmpfs -o size=2m tmpfs $there"
    return mounted(home, f"{there} && {fill} && {bind}", command)


def mounted(home: Path, mount: str, command: str) -> subprocess.CompletedProcess[str]:
    """Run the command after another, in a mount namespace of their own."""
    program = f"{mount} && exec {sys.executable} -m zoneproof {command}"
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", program],
        env=os.environ | {"ZONEPROOF_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
