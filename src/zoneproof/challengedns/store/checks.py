"""Checks what clients write into registrations: networks, TXT values, notes."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from zoneproof.core.errors import InvalidInputError, RegistrationError
from zoneproof.core.text import printable

MAX_NETWORKS = 100
"""How many networks a registration may have: each update compares its address with all of them."""

_TXT = re.compile(r"[A-Za-z0-9_-]{43}")
# What can be of a network, and nothing else: ip_network() takes any text as a zone after '%', and
# a prefix length of any number of zeros.
_NETWORK = re.compile(r"[0-9A-Fa-f:.]{1,45}/[0-9.]{1,15}")


def check_networks(texts: Iterable[str]) -> tuple[str, ...]:
    """Return CIDRs as they came, without brackets around IPv6 addresses.

    Raises RegistrationError ``invalid_allowfrom_cidr`` for one that is none, and for too many; as
    in acme-dns, an address without a prefix length is none.
    """
    given = tuple(texts)
    if len(given) > MAX_NETWORKS:
        raise RegistrationError(
            f"there are {len(given)} networks: name at most {MAX_NETWORKS}",
            code="invalid_allowfrom_cidr",
        )
    return tuple(map(_check_network, given))


def _check_network(text: str) -> str:
    network = text.strip().replace("[", "").replace("]", "")
    try:
        if not _NETWORK.fullmatch(network):
            raise ValueError
        to_network(network)
    except ValueError:
        raise RegistrationError(
            f"{text[:60]!r} is not a network: write one as 192.0.2.0/24 or 2001:db8::/32",
            code="invalid_allowfrom_cidr",
        ) from None
    return network


def check_txt(txt: str) -> str:
    """Return a dns-01 value: 43 characters of base64url. Raises RegistrationError ``bad_txt``."""
    if not _TXT.fullmatch(txt):
        raise RegistrationError(
            "the TXT value must be 43 characters of A-Z, a-z, 0-9, '-' and '_'", code="bad_txt"
        )
    return txt


@functools.lru_cache(4096)
def to_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return a network; raises ValueError for what is none."""
    return ipaddress.ip_network(text, strict=False)


def after_day(text: str) -> int:
    """Return when a day is over in UTC, in seconds since 1970. Raises InvalidInputError."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return int((day + timedelta(days=1)).timestamp())
    except OverflowError:
        raise InvalidInputError(
            f"{printable(text[:40])} is too late: write 9999-12-30 at the latest"
        ) from None
    except ValueError:
        raise InvalidInputError(
            f"'{printable(text[:40])}' is not a day: write it as 2027-12-31"
        ) from None


MAX_NOTE = 200


def clean_note(note: str) -> str:
    """Return the printable characters of a client's note, at most 200."""
    return "".join(character for character in note if character.isprintable())[:MAX_NOTE]


def check_note(note: str) -> str:
    """Return the printable characters of a person's note.

    Raises InvalidInputError for one of more than 200.
    """
    if len(note) > MAX_NOTE:
        raise InvalidInputError(
            f"the note has {len(note)} characters: a note has at most {MAX_NOTE}"
        )
    return clean_note(note)
