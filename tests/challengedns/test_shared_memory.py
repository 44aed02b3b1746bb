"""Memory that processes share: zero at first, and only some of it can be done without."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoneproof.challengedns.dns import counters
from zoneproof.challengedns.dns.asked import AskedReader
from zoneproof.challengedns.dns.shared_memory import SharedMemory


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
        signal.signal(signal.SIGXFSZ, before)


@contextlib.contextmanager
def one_more_file() -> Iterator[None]:
    """Let this process open one more file, and no other."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + 1, most[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)


def kept_open(name: str) -> int:
    """Return how many descriptors this process has of memory of that name, mappings' too."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += f"memfd:{name}" in str(each.readlink())
    return found


def test_who_has_the_descriptor_sees_what_is_written() -> None:
    shared = SharedMemory("test", 4096)
    one, other = shared.mapped, mmap.mmap(shared.descriptor, 4096)
    assert one[:] == bytes(4096)
    one[7:10] = b"now"
    assert other[7:10] == b"now"
    shared.close()


def test_where_there_is_none_only_what_can_be_done_without_is_minus_one() -> None:
    with files_up_to(4096):
        own = SharedMemory("none-of-it", 4097, or_own=True)
        assert own.descriptor == -1
        assert own.mapped[:] == bytes(4097)
        with pytest.raises(OSError, match="large"):
            SharedMemory("none-of-it", 4097)
    assert not kept_open("none-of-it")


def test_where_it_cannot_be_mapped_nothing_stays_open() -> None:
    # A mapping takes a descriptor of its own.
    with one_more_file(), pytest.raises(OSError, match="Too many open files"):
        SharedMemory("none-of-it", 4096)
    assert not kept_open("none-of-it")


def test_a_worker_s_memory_is_there_as_a_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more() -> AskedReader:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    before = kept_open("zoneproof-dns")
    monkeypatch.setattr(counters, "AskedReader", no_more)
    with pytest.raises(OSError, match="memory"):
        counters.WorkerCounters("udp")
    assert kept_open("zoneproof-dns") == before
