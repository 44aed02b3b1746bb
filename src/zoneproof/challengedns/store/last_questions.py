"""When the DNS was last asked for a registration's values, from where, and what it answered."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # DNS workers need no more of it
    from zoneproof.storage import Transaction

ASKED_TO_USE_TCP: Final = -1
"""``answered`` where the answer was only that the question is to come by TCP."""

_AT_ONCE = 500  # rows in a transaction: updates that come meanwhile hardly wait
_COLUMNS = "subdomain, asked_at, network, answered"
_PREFIXES = {4: 24, 6: 56}  # as RFC 7871, section 11.1, shortens addresses for privacy


@dataclass(frozen=True)
class LastQuestion:
    """``at`` is in seconds since 1970, ``network`` whose resolver asked, as :func:`network_asking`.

    ``answered`` is how many values there were, or :data:`ASKED_TO_USE_TCP`.
    """

    at: int
    network: str
    answered: int


def network_asking(address: str) -> str:
    """Return the network of a resolver's address, an IPv4 /24 or an IPv6 /56.

    More is not kept: it tells a CA from one's own resolver, and hardly one machine from the next.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    found = mapped or parsed
    return str(ipaddress.ip_network((found, _PREFIXES[found.version]), strict=False))


def write(tx: Transaction, asked: Mapping[str, LastQuestion]) -> None:
    """Keep questions by subdomain, where none is known that came later."""
    # In one order, so that nodes that write the same rows never wait for each other in a circle.
    for subdomain, question in sorted(asked.items()):
        tx.execute(
            f"INSERT INTO challenge_question ({_COLUMNS})"  # noqa: S608
            " SELECT subdomain, CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS INTEGER)"
            " FROM challenge_registration WHERE subdomain = ?"
            " ON CONFLICT (subdomain) DO UPDATE SET asked_at = excluded.asked_at,"
            " network = excluded.network, answered = excluded.answered"
            " WHERE excluded.asked_at >= challenge_question.asked_at",
            [question.at, question.network, question.answered, subdomain],
        )


def forget_some(tx: Transaction) -> bool:
    """Remove a few questions, where none are to be kept; tell whether there may be more."""
    removed = tx.execute(
        "DELETE FROM challenge_question WHERE subdomain IN"
        " (SELECT subdomain FROM challenge_question LIMIT ?)",
        [_AT_ONCE],
    )
    return removed == _AT_ONCE


def last_questions(tx: Transaction, subdomains: Iterable[str]) -> dict[str, LastQuestion]:
    """Return the last question for each of these registrations for which there ever was one."""
    wanted = list(subdomains)
    if not wanted:
        return {}
    rows = tx.query(
        f"SELECT {_COLUMNS} FROM challenge_question WHERE subdomain IN"  # noqa: S608
        f" ({', '.join('?' * len(wanted))})",
        wanted,
    )
    return {
        str(subdomain): LastQuestion(int(str(at)), str(network), int(str(answered)))
        for subdomain, at, network, answered in rows
    }
