"""Data with secrets: its repr is its class's name and no more, wherever it ends up."""

from __future__ import annotations

from typing import Any

import msgspec


class Secretive(msgspec.Struct, frozen=True):
    """A Struct of which nothing may be shown by accident: in a traceback, a log, a test."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []
