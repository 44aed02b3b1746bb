"""Makes registrations and values of the rows in an acme-dns's tables, whatever stands in them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from zoneproof.challengedns.dns.zones import is_registration_label
from zoneproof.challengedns.importing.source import Row
from zoneproof.challengedns.store.checks import check_networks, check_txt
from zoneproof.challengedns.store.keys import is_bcrypt
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.core.errors import RegistrationError

_MAX_ALLOWFROM = 16 * 1024  # characters: as much as a client can register with


class UnusableRowError(Exception):
    """A row cannot be taken over; the text says why, and ``subdomain`` is fit to be shown."""

    def __init__(self, subdomain: str, reason: str) -> None:
        super().__init__(reason)
        self.subdomain = subdomain


@dataclass(frozen=True)
class ImportedValue:
    """A TXT value, and when it was published (seconds since 1970)."""

    subdomain: str
    txt: str
    published: int


def read_account(row: Row, now: int) -> RegistrationRow:
    """Read Username, Password, Subdomain and AllowFrom. Raises UnusableRowError.

    A registration is made at ``now`` (seconds since 1970): acme-dns does not know since when it
    has one.
    """
    username, password, subdomain, allowfrom = map(_text, row)
    if not _is_uuid(subdomain):
        raise UnusableRowError(_shown(subdomain), "its subdomain is not a UUID in lower case")
    if not _is_uuid(username):
        raise UnusableRowError(subdomain, "its username is not a UUID in lower case")
    if not is_bcrypt(password):
        raise UnusableRowError(subdomain, "its password is not a bcrypt hash of a cost up to 14")
    return RegistrationRow(
        subdomain=subdomain,
        username=username,
        key_hash=password,
        allowfrom=_networks(subdomain, allowfrom),
        note="",
        tenant=None,
        disabled=False,
        created_at=now,
    )


def read_value(row: Row, now: int) -> ImportedValue | None:
    """Read Subdomain, ImportedValue and the time of its update; None for an empty slot.

    A time that is missing or lies ahead is taken as ``now``. Raises UnusableRowError for what is
    no value of dns-01.
    """
    subdomain, txt = _text(row[0]), _text(row[1])
    if not txt:
        return None
    try:
        check_txt(txt)
    except RegistrationError as error:
        raise UnusableRowError(
            _shown(subdomain), "it is not 43 characters of A-Z, a-z, 0-9, '-', '_'"
        ) from error
    published = row[2] if isinstance(row[2], int) else 0
    return ImportedValue(subdomain, txt, published if 0 < published < now else now)


def _networks(subdomain: str, allowfrom: str) -> tuple[str, ...]:
    try:
        if len(allowfrom) > _MAX_ALLOWFROM:
            raise ValueError
        texts = msgspec.json.decode(allowfrom, type=list[str] | None) or []
    except (ValueError, RecursionError) as error:
        raise UnusableRowError(subdomain, "its AllowFrom is not a JSON list of networks") from error
    networks: list[str] = []
    for text in texts:
        try:
            networks += check_networks([text])
        except RegistrationError:
            continue
    # acme-dns passes over what is not a network, and lets everybody update if nothing is left.
    if texts and not networks:
        raise UnusableRowError(subdomain, "none of its AllowFrom is a network")
    return tuple(networks)


def _text(cell: object) -> str:
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return cell if isinstance(cell, str) else ""


def _is_uuid(text: str) -> bool:
    return is_registration_label(text.encode())


def _shown(text: str) -> str:
    short = text if len(text) <= 60 else text[:57] + "..."
    return short if short.isprintable() else ascii(short)[1:-1]
