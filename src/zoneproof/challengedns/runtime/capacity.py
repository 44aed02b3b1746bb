"""How many connections the service takes at once: what open files and memory allow."""

from __future__ import annotations

from dataclasses import dataclass

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.dns import tcp
from zoneproof.serving import connection

LEAST = 64
"""Fewer connections than this are a sign of a machine that is set up wrongly."""
METRICS = 32

_MOST_API, _MOST_DNS = 4096, 2048
_SHARE_API, _SHARE_DNS = 4, 8  # of the memory: a fourth and an eighth
_SHARE_OF_ONE_API, _SHARE_OF_ONE_DNS = 16, 4  # of the connections
_LEAST_OF_ONE = 200  # a CA's resolver may ask for more than a hundred names at once
_FILES = 64  # standard streams, event loops, the database, a CA that is talked to
_FILES_FOR_WORKER = 16  # pipes and counters, twice while workers are being replaced


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
