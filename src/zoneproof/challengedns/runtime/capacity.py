"""How many connections the service takes at once: what open files and memory allow."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoneproof.challengedns.api import connection
from zoneproof.challengedns.config import Config
from zoneproof.challengedns.dns import tcp

LEAST = 64
"""Fewer connections than this are a sign of a machine that is set up wrongly."""
METRICS = 32

_MOST_API, _MOST_DNS = 4096, 2048
_SHARE_API, _SHARE_DNS = 4, 8  # of the memory: a fourth and an eighth
_SHARE_OF_ONE_API, _SHARE_OF_ONE_DNS = 16, 4  # of the connections
_LEAST_OF_ONE = 200  # a CA's resolver may ask for more than a hundred names at once
_FILES = 64  # standard streams, event loops, the database, a CA that is talked to
_FILES_FOR_WORKER = 16  # pipes and counters, twice while workers are being replaced
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Capacity:
    """How many connections there may be: in all, and of one IPv4 address or IPv6 /64.

    ``memory`` is what they all take at most, in bytes.
    """

    api: int
    api_of_one: int
    dns: int
    dns_of_one: int
    memory: int


def capacity(config: Config, files: int, memory: int) -> Capacity:
    """Return what fits into a limit of open files for each process, and bytes of memory.

    What the configuration says counts instead of memory, but not instead of files.
    """
    listeners = len(config.dns.listen) * (config.dns.workers + 1) + len(config.api.listen) + 1
    workers = (config.dns.workers + 1) * _FILES_FOR_WORKER
    left_for_api = files - _FILES - METRICS - listeners - workers
    left_for_dns = files - _FILES - listeners
    wanted_api = config.api.connections or min(_MOST_API, memory // _SHARE_API // connection.MEMORY)
    wanted_dns = config.dns.tcp_connections or min(_MOST_DNS, memory // _SHARE_DNS // tcp.MEMORY)
    api = max(1, min(wanted_api, left_for_api))
    dns = max(1, min(wanted_dns, left_for_dns))
    return Capacity(
        api=api,
        api_of_one=min(api, max(_LEAST_OF_ONE, api // _SHARE_OF_ONE_API)),
        dns=dns,
        dns_of_one=min(dns, max(_LEAST_OF_ONE, dns // _SHARE_OF_ONE_DNS)),
        memory=api * connection.MEMORY + dns * tcp.MEMORY,
    )


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
