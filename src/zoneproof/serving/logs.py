"""The service's log: one line for each event to standard error, as text or as JSON, never a flood.

Facts that programs may want to tell apart are given as ``extra={"facts": {...}}``.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from zoneproof.core import times
from zoneproof.core.text import printable
from zoneproof.serving.limits import RateLimit

_BURST, _PER_SECOND = 50, 5  # lines of one kind
_MAX_TEXT = 2000


class ServerLogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[log]`` as written in the file."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


def set_up(settings: ServerLogSettings) -> None:
    """Send this process's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if settings.format == "json" else _Text())
    handler.addFilter(FloodGate())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("zoneproof").setLevel(settings.level.upper())
    # Its warnings tell of every connection that does not speak HTTP, which anybody can send.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def facts(**known: object) -> dict[str, Mapping[str, object]]:
    """Return what a log call takes as ``extra`` to give facts beside its message."""
    return {"facts": known}


class FloodGate(logging.Filter):
    """Lets through 50 lines of a kind at once and 5 in a second over time; then says how many not.

    A kind is a place in the code and a ``code`` among the facts, so what strangers cause cannot
    hide what happens elsewhere, nor one sort of refusal another.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._limit = RateLimit(_PER_SECOND, _BURST, clock=clock)
        self._held_back: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line may go out; note on it how many before it did not."""
        code = getattr(record, "facts", {}).get("code", "")
        kind = f"{record.name}:{record.lineno}:{code}"
        if self._limit.take(kind):
            self._held_back[kind] = self._held_back.get(kind, 0) + 1
            return False
        record.held_back = self._held_back.pop(kind, 0)
        return True


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname} {_message(record)}"
        held_back = getattr(record, "held_back", 0)
        return f"{line} (and {held_back} more of this kind before)" if held_back else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        known: dict[str, Any] = {
            "time": times.stamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "part": record.name.rpartition(".")[2],
            "message": _message(record),
            **getattr(record, "facts", {}),
        }
        held_back = getattr(record, "held_back", 0)
        if held_back:
            known["held_back"] = held_back
        return msgspec.json.encode(known, enc_hook=str).decode()


def _message(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text += ": " + logging.Formatter().formatException(record.exc_info).replace("\n", " | ")
    return printable(text)[:_MAX_TEXT]
