"""Limits how often each caller may do something."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

_MAX_CALLERS = 100_000


class RateLimit:
    """Lets each caller do ``burst`` things at once, and ``per_second`` over time."""

    def __init__(
        self,
        per_second: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        max_callers: int = _MAX_CALLERS,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._max_callers = max_callers
        self._callers: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> float:
        """Count one for the caller: 0 if it is within the limit, else the seconds to wait."""
        now = self._clock()
        left, then = self._callers.get(caller, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_second)
        if left < 1:
            return (1 - left) / self._per_second
        if len(self._callers) >= self._max_callers:
            self._forget(now)
        self._callers[caller] = (left - 1, now)
        return 0.0

    def _forget(self, now: float) -> None:
        # Whoever had time to gain the whole burst again is as good as unknown.
        refill = self._burst / self._per_second
        self._callers = {
            caller: (left, then)
            for caller, (left, then) in self._callers.items()
            if now - then < refill
        }
        if len(self._callers) >= self._max_callers:
            self._callers.clear()


def network_of(address: str) -> str:
    """Return what one caller commands: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    parsed = ipaddress.IPv6Address(address)
    return str(parsed.ipv4_mapped or parsed.exploded[:19])
