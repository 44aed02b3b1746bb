"""What a database gives, in the types that the program has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def columns_of(kind: type[Any]) -> str:
    """Return the columns from which :func:`read_row` makes a dataclass, for SQL."""
    return ", ".join(kind.__dataclass_fields__)


def read_row(kind: type[T], row: Sequence[object]) -> T:
    """Return a row as a dataclass whose fields are its columns, in their order."""
    named = dict(zip(kind.__dataclass_fields__, row, strict=True))  # type: ignore[attr-defined]
    return msgspec.convert(named, kind, strict=False)  # truth values are numbers there


def integer(value: object) -> int:
    """Return a number."""
    assert isinstance(value, int)
    return value
