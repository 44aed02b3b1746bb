"""Notices when the clock jumps, so that nothing is thrown away on the word of a wrong clock."""

from __future__ import annotations

import time
from collections.abc import Callable

_DRIFT = 60.0  # seconds; what time synchronisation corrects without a jump
_TRUSTED_AFTER = 3600.0  # seconds


class SteadyClock:
    """Compares the time of day with the time that passes."""

    def __init__(
        self,
        time_of_day: Callable[[], float] = time.time,
        passing: Callable[[], float] = time.monotonic,
    ) -> None:
        self._time_of_day = time_of_day
        self._passing = passing
        self._offset = time_of_day() - passing()
        self._since = passing()

    def is_trusted(self) -> bool:
        """Tell whether the time of day has not jumped for an hour, as far as was looked."""
        passing = self._passing()
        offset = self._time_of_day() - passing
        if abs(offset - self._offset) > _DRIFT:
            self._offset, self._since = offset, passing
        return passing - self._since >= _TRUSTED_AFTER
