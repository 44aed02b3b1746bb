"""Memory that processes share: zero at first, and only some of it can be done without."""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoneproof.challengedns.dns.shared_memory import shared_memory, shared_memory_if_any


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


def test_who_has_the_descriptor_sees_what_is_written() -> None:
    descriptor = shared_memory("test", 4096)
    one, other = mmap.mmap(descriptor, 4096), mmap.mmap(descriptor, 4096)
    assert one[:] == bytes(4096)
    one[7:10] = b"now"
    assert other[7:10] == b"now"
    os.close(descriptor)


def test_where_there_is_none_only_what_can_be_done_without_is_minus_one() -> None:
    with files_up_to(4096):
        assert shared_memory_if_any("none-of-it", 4097) == -1
        with pytest.raises(OSError, match="large"):
            shared_memory("none-of-it", 4097)
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            assert "memfd:none-of-it" not in str(each.readlink())
