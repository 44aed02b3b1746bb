"""Runs ``zoneproof`` with a clock that is wrong by so many seconds: its own, not the system's."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import zoneproof.manager
from zoneproof.cli import main
from zoneproof.cli import status as list_command


def _shift(by: timedelta) -> None:
    class Shifted(datetime):
        """A clock that is wrong."""

        @classmethod
        def now(cls, tz: tzinfo | None = UTC) -> Any:
            return datetime.now(tz) + by

    modules = pkgutil.walk_packages(zoneproof.manager.__path__, "zoneproof.manager.")
    for module in [list_command, *(importlib.import_module(one.name) for one in modules)]:
        if hasattr(module, "datetime"):
            module.datetime = Shifted  # type: ignore[attr-defined]


if __name__ == "__main__":
    _shift(timedelta(seconds=float(sys.argv.pop(1))))
    main()
