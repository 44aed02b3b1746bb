"""Who a client is, and what each may do: how often, and how many connections at once."""

from __future__ import annotations

import functools
import ipaddress
import itertools
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

_MAX_CALLERS = 100_000
_TOUCH_SECONDS = 2.0
_LONG_AGO, _NEVER = float("-inf"), float("inf")

T = TypeVar("T")
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class RateLimit:
    """Lets each caller do ``burst`` things at once, and ``per_second`` over time.

    Of more than ``max_callers`` the one that was heard least recently is as good as unknown, so
    that a crowd of new callers frees nobody who continues calling.
    """

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
        # In the order in which they were heard; a plain dict would search for its first key.
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """Count one for the caller: 0 if it is within the limit, else the seconds to wait."""
        now = self._clock()
        left, then = self._callers.get(caller, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_second)
        wait = 0.0
        if left < 1:
            wait = (1 - left) / self._per_second
        else:
            left -= 1
        self._callers[caller] = (left, now)
        self._callers.move_to_end(caller)
        if len(self._callers) > self._max_callers:
            self._callers.popitem(last=False)
        return wait


class Crowd(Generic[T]):
    """Who is connected, in the order in which each was last of use.

    There may be ``most`` in all, and ``most_of_one`` of one caller. Use counts once in two seconds:
    else those who never pause would at once be ahead of somebody who has just come.
    """

    def __init__(
        self, most: int, most_of_one: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.most = most
        self.most_of_one = most_of_one
        self._clock = clock
        self._all: OrderedDict[T, tuple[str | None, float]] = OrderedDict()
        self._of_one: dict[str, OrderedDict[T, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, who: T) -> bool:
        return who in self._all

    def __iter__(self) -> Iterator[T]:
        """Go through them, beginning with the one that has been of no use for longest."""
        return iter(self._all)

    def enter(self, who: T, caller: str | None) -> None:
        """Add somebody who belongs to a caller; to none (None) if only the whole crowd counts."""
        self._all[who] = caller, _LONG_AGO
        if caller is not None:
            self._of_one.setdefault(caller, OrderedDict())[who] = None

    def touch(self, who: T) -> None:
        """Note that somebody has just been of use."""
        caller, then = self._all.get(who, (None, _NEVER))
        now = self._clock()
        if now - then < _TOUCH_SECONDS:
            return
        self._all[who] = caller, now
        self._all.move_to_end(who)
        if caller is not None:
            self._of_one[caller].move_to_end(who)

    def leave(self, who: T) -> None:
        """Remove somebody who may have left before."""
        caller, _ = self._all.pop(who, (None, 0))
        if caller is not None:
            own = self._of_one[caller]
            del own[who]
            if not own:
                del self._of_one[caller]

    def in_excess(self, newest: T) -> Iterator[T]:
        """Go through those of whom one has to make room for the newest, who comes last.

        Nobody has to if there is room. Else it is one of whoever has too many, or has most.
        """
        caller, _ = self._all[newest]
        if caller is not None and len(self._of_one[caller]) > self.most_of_one:
            return iter(self._of_one[caller])
        if len(self) <= self.most:
            return iter(())
        largest = max(self._of_one.values(), key=len, default=OrderedDict[T, None]())
        return itertools.chain(largest if len(largest) > 1 else (), self._all)


@functools.lru_cache(4096)  # an answer asks for both more than once, and callers come again
def network_of(address: str) -> str:
    """Return what one caller commands: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    parsed = ipaddress.IPv6Address(address.partition("%")[0])
    return str(parsed.ipv4_mapped or parsed.exploded[:19])


@functools.lru_cache(4096)
def read_address(text: str) -> IPAddress | None:
    """Return an IP address, with or without port, as proxies write it; None if it is none."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def parse_network(text: str) -> IPNetwork:
    """Read ``192.0.2.1`` or ``2001:db8::/32``. Raises ValueError."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"'{text}' is not an address or network: write it as 192.0.2.1 or 2001:db8::/32"
        ) from None
