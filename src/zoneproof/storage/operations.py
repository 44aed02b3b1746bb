"""Methods of stores: plain functions of a transaction, which get one of their own when awaited.

A method is written once, on an open transaction. ``await accounts.get("le")`` gives it one, here
and nowhere else; ``accounts.get.within(tx, "le")`` makes it a part of one that is open already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Concatenate, Generic, ParamSpec, TypeVar

from zoneproof.storage.store import Store, Transaction

P = ParamSpec("P")
T = TypeVar("T")


class Stored:
    """What has such methods, and the store on which they work."""

    def __init__(self, store: Store) -> None:
        self.store = store


S = TypeVar("S", bound=Stored)


class BoundOperation(Generic[P, T]):
    """A method of an object, to be awaited or done within a transaction."""

    def __init__(
        self,
        function: Callable[Concatenate[Transaction, P], T],
        run: Callable[[Callable[[Transaction], T]], Awaitable[T]],
    ) -> None:
        self.within = function
        self._run = run

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in a transaction of its own."""
        return await self._run(lambda tx: self.within(tx, *args, **kwargs))


class _Method(Generic[S, P, T]):
    def __init__(self, function: Callable[Concatenate[S, Transaction, P], T]) -> None:
        self._function = function
        self.__doc__ = function.__doc__


class reads(_Method[S, P, T]):  # noqa: N801  a decorator
    """Makes a method of a function that only reads."""

    def __get__(self, instance: S, owner: object = None) -> BoundOperation[P, T]:
        """Bind it to an object."""
        return BoundOperation(partial(self._function, instance), instance.store.read)


class writes(_Method[S, P, T]):  # noqa: N801  a decorator
    """Makes a method of a function that writes."""

    def __get__(self, instance: S, owner: object = None) -> BoundOperation[P, T]:
        """Bind it to an object."""
        return BoundOperation(partial(self._function, instance), instance.store.write)
