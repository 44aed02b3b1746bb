"""Memory that one process writes and another reads, without locks; workers inherit it."""

from __future__ import annotations

import mmap
import os


class SharedMemory:
    """So many bytes, all zero, ``mapped`` here; who inherits ``descriptor`` can map them too."""

    def __init__(self, name: str, size: int, *, or_own: bool = False) -> None:
        """``or_own`` is for what can be done without.

        Then ``descriptor`` is -1, for memory of this process alone, where the machine gives none
        that can be shared, as with a limit on the size of files. Raises OSError.
        """
        self.descriptor = -1
        try:
            self.descriptor = os.memfd_create(name)
            os.ftruncate(self.descriptor, size)
            self.mapped = mmap.mmap(self.descriptor, size)
        except OSError:
            self.close()
            if not or_own:
                raise
            self.mapped = mmap.mmap(-1, size)

    def close(self) -> None:
        """Close the descriptor. What is mapped goes when nobody uses it any more."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
