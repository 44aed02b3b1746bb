"""Random texts that are handed out to strangers: each is good once, for a while; few are kept."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from zoneproof.core.errors import InvalidInputError

_MOST, _MOST_OF_ONE = 10_000, 100

T = TypeVar("T")


class Tickets(Generic[T]):
    """What belongs to each text that was handed out, for so many ``seconds``.

    Of too many the oldest end: first those of whoever has too many, so that nobody who asks again
    and again ends those of others.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._all: OrderedDict[str, tuple[str, T, float]] = OrderedDict()
        self._of_one: dict[str, OrderedDict[str, None]] = {}

    def issue(self, value: T, network: str) -> str:
        """Return a new text of 256 bits for somebody in the network."""
        text = secrets.token_urlsafe(32)
        self._all[text] = network, value, self._clock() + self._seconds
        own = self._of_one.setdefault(network, OrderedDict())
        own[text] = None
        if len(own) > _MOST_OF_ONE:
            self._remove(next(iter(own)))
        if len(self._all) > _MOST:
            self._remove(next(iter(self._all)))
        return text

    def take(self, text: str) -> T:
        """Return what belongs to a text, once. Raises InvalidInputError."""
        found = self._remove(text)
        if found is None or found[1] < self._clock():
            raise InvalidInputError("this took too long, or was used already: sign in again")
        return found[0]

    def _remove(self, text: str) -> tuple[T, float] | None:
        if text not in self._all:
            return None
        network, value, ends = self._all.pop(text)
        own = self._of_one[network]
        del own[text]
        if not own:
            del self._of_one[network]
        return value, ends
