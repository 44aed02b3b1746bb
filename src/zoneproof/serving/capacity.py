"""What a server may use of its machine: open files and memory."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def file_limit() -> int:
    """Return how many files a process of ours may open: the hard limit, which ``serve`` takes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if most == resource.RLIM_INFINITY else most


def usable_memory() -> int:
    """Return the machine's memory in bytes, or what the service's control group has of it."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_group_limits(_own_group())])


def _own_group() -> str:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return "/"
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")


def _group_limits(group: str) -> Iterator[int]:
    """Yield the limits of a control group and those around it (cgroup v2)."""
    folder = _CGROUPS / group.strip("/")
    for each in (folder, *folder.parents):
        if not each.is_relative_to(_CGROUPS):
            return
        try:
            text = (each / "memory.max").read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            yield int(text)
