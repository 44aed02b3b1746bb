"""What an order has to do with the others of its run: whom it waits for, and what they tell it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Protocol

from zoneproof.providers import Provider


class Others(Protocol):
    """The other orders of a run, as one order sees them."""

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """Return what to enter while there is nothing to do but to wait."""
        ...

    async def admit(self, provider: Provider) -> None:
        """Wait while another order finds out whether the provider works.

        Raises HeldUpError if it does not. Else it is to be used at once, in :meth:`trying`.
        """
        ...

    def trying(self, provider: Provider) -> AbstractContextManager[None]:
        """Return what to use the provider in, so that others hear what comes of it."""
        ...


class Alone:
    """For an order that is the only one."""

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """Return what does nothing."""
        return nullcontext()

    async def admit(self, provider: Provider) -> None:
        """Wait for nobody."""

    def trying(self, provider: Provider) -> AbstractContextManager[None]:
        """Return what does nothing."""
        del provider
        return nullcontext()
