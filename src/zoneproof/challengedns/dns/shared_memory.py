"""Memory that one process writes and another reads, without locks; workers inherit it."""

from __future__ import annotations

import os


def shared_memory(name: str, size: int) -> int:
    """Return the descriptor of so many bytes, all zero. Raises OSError."""
    descriptor = os.memfd_create(name)
    try:
        os.ftruncate(descriptor, size)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def shared_memory_if_any(name: str, size: int) -> int:
    """Return such a descriptor for what can be done without.

    It is -1, for memory of one's own (mmap), where the machine gives none that can be shared, as
    with a limit on the size of files.
    """
    try:
        return shared_memory(name, size)
    except OSError:
        return -1
