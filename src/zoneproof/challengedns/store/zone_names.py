"""The zones in which registrations are answered: remembered, so that it is told when one is gone.

A registration has a name in each of them, and CNAMEs lead to these names.
"""

from __future__ import annotations

from collections.abc import Iterable

from zoneproof.storage import Transaction


def take_up(tx: Transaction, zones: Iterable[str]) -> tuple[list[str], int]:
    """Remember the zones that are served from now on.

    Return those that were served before and are no longer, and how many registrations there are.
    """
    now = set(zones)
    before = {str(name) for (name,) in tx.query("SELECT name FROM challenge_zone")}
    for name in sorted(before - now):
        tx.execute("DELETE FROM challenge_zone WHERE name = ?", [name])
    for name in sorted(now - before):
        tx.execute("INSERT INTO challenge_zone (name) VALUES (?)", [name])
    ((registrations,),) = tx.query("SELECT COUNT(*) FROM challenge_registration")
    return sorted(before - now), int(str(registrations))
