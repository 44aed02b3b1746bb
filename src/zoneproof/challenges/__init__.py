"""One solver for each challenge type: what it publishes, waits for and removes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from zoneproof.challenges import dns01, dns_account01, dns_persist01, http01
from zoneproof.challenges.dns01_solver import Dns01
from zoneproof.challenges.dns_persist01_solver import DnsPersist01
from zoneproof.challenges.http01 import Http01
from zoneproof.challenges.method import Method
from zoneproof.challenges.solver import Solver
from zoneproof.core.aio import all_at_once
from zoneproof.core.names import Identifier

__all__ = ["SOLVERS", "ask_solvers"]

# All challenge types, those first that publish at once: the others may wait for their turn.
SOLVERS: dict[str, Solver[Any]] = {
    http01.TYPE: Http01(),
    dns_persist01.TYPE: DnsPersist01(),
    dns01.TYPE: Dns01(),
    dns_account01.TYPE: Dns01(),
}

T = TypeVar("T")
_Wanted = tuple[Identifier, Method]


async def ask_solvers(
    wanted: Sequence[_Wanted],
    ask: Callable[[Solver[Any], Sequence[_Wanted]], Awaitable[Sequence[T]]],
) -> list[T]:
    """Ask each solver about all identifiers with methods of its type, and return the answers.

    These are in the order of ``wanted``.
    """
    groups: dict[str, list[int]] = {}
    for index, (_, method) in enumerate(wanted):
        groups.setdefault(method.type, []).append(index)

    async def ask_one(challenge: str, indexes: Sequence[int]) -> Sequence[T]:
        return await ask(SOLVERS[challenge], [wanted[index] for index in indexes])

    answers = await all_at_once(ask_one(*group) for group in groups.items())
    found = {
        index: answer
        for indexes, of_type in zip(groups.values(), answers, strict=True)
        for index, answer in zip(indexes, of_type, strict=True)
    }
    return [found[index] for index in range(len(wanted))]
