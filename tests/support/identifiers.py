"""Identifiers by their text."""

from __future__ import annotations

from zoneproof.core.names import Identifier


def identifiers(*names: str) -> list[Identifier]:
    return [Identifier.parse(name) for name in names]
