"""Memory that a worker writes and the service reads, without locks."""

from __future__ import annotations

import os


def shared_memory(name: str, size: int) -> int:
    """Return the descriptor of so many bytes for a worker to inherit.

    It is -1, for memory of one's own (mmap), where the machine gives none that can be shared.
    """
    descriptor = os.memfd_create(name)
    try:
        os.ftruncate(descriptor, size)
    except OSError:  # as with a limit on the size of files
        os.close(descriptor)
        return -1
    return descriptor
