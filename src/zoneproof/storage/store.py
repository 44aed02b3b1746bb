"""What a storage backend offers to the rest: plain SQL in transactions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

Value = str | int | float | bytes | None
Row = tuple[Value, ...]
T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

_ESCAPED = re.compile(r"[%_\\]")


class Transaction(Protocol):
    """An open transaction. SQL uses ``?`` for parameters and nothing that one backend alone has."""

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Return all rows of a statement."""
        ...

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run a statement and return how many rows it changed."""
        ...


class Store(Protocol):
    """A database. ``work`` runs in a thread of the store's and touches nothing but its argument.

    Every method raises StorageError when the database cannot be read or written.
    """

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that sees one consistent state, and return its result."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction and return its result after a durable commit.

        Transactions run one after the other. Several that wait may share a commit; each still
        succeeds or fails alone. If ``work`` raises, nothing of it is kept and the error comes out.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        ...


def parsed(text: object, parse: Callable[[str], T], otherwise: T) -> T:
    """Return what a stored text says, ``otherwise`` if it is damaged.

    For what orders and renewals can do without: one damaged value should hold up none of them.
    """
    try:
        return parse(str(text))
    except (TypeError, ValueError):
        return otherwise


def columns_of(form: type[Any]) -> str:
    """Return the columns from which :func:`record` makes a Struct or dataclass, for SQL."""
    return ", ".join(_fields(form))


def record(form: type[T], row: Sequence[object], *, strict: bool = True) -> T:
    """Return a row as a Struct or dataclass, whose fields are its columns in their order.

    Where it is not ``strict``, a number may be a truth value, which databases have none of.
    """
    return msgspec.convert(dict(zip(_fields(form), row, strict=True)), form, strict=strict)


def _fields(form: type[Any]) -> Sequence[str]:
    if issubclass(form, msgspec.Struct):
        return form.__struct_fields__
    return tuple(form.__dataclass_fields__)


def among(names: Collection[str] | None) -> tuple[str, tuple[str, ...]]:
    """Return the WHERE clause for the rows of these names, and its parameters; None is all rows."""
    if names is None:
        return "", ()
    return f"WHERE name IN ({', '.join('?' * len(names))})", tuple(names)


def matching(
    columns: Sequence[str], text: str, *, begin: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Return the condition that a text stands in one of the columns, and its parameters.

    In any case of ASCII letters; or at the beginning of one of ``begin``, in lower case.
    """
    text = text.replace("\0", "\ufffd")  # no text has it, and a pattern would end there
    # As it was given too: databases may know no other letters' cases than those of ASCII.
    wanted, given = (_ESCAPED.sub(r"\\\g<0>", each) for each in (text.lower(), text))
    patterns: list[tuple[str, str]] = []
    for column in columns:
        patterns += [(f"lower({column})", f"%{wanted}%"), (column, f"%{given}%")]
    patterns += [(column, f"{wanted}%") for column in begin]
    clause = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column, _ in patterns)
    return f"({clause})", [pattern for _, pattern in patterns]
