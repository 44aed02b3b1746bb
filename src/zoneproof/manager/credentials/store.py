"""Stored credentials: the fields that a provider needs, sealed, referred to by name."""

from __future__ import annotations

import difflib
import re
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import msgspec
from msgspec.structs import asdict, replace

from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError, NotFoundError, StorageError
from zoneproof.core.secretive import Secretive
from zoneproof.manager.certificates.task_definition import describe_kind
from zoneproof.manager.settings import DnsSettings
from zoneproof.providers import CredentialField, shown_field
from zoneproof.storage import Row, Store, Stored, Transaction, among, parsed, reads, writes
from zoneproof.vault import SealedColumn, Vault, naming

# Most are called after a certificate, whose name may be as long as a domain's, and a provider.
_LONGEST_NAME = 300
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_FIELDS = SealedColumn("credentials", "fields", "the credential")
_SELECT = "SELECT id, name, provider, fields, dns, expires, created_at, changed_at FROM credentials"
_INSERT = """
INSERT INTO credentials (id, name, provider, fields, dns, expires, created_at, changed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO NOTHING
"""
_SAVE = """
INSERT INTO credentials (id, name, provider, fields, dns, expires, created_at, changed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
  id = excluded.id, provider = excluded.provider, fields = excluded.fields,
  expires = excluded.expires, expiry_told = NULL,
  dns = CASE excluded.dns WHEN ? THEN credentials.dns ELSE excluded.dns END,
  changed_at = excluded.changed_at
"""
_SET_EXPIRY = """
UPDATE credentials SET expires = ?, expiry_told = NULL WHERE name = ? AND expires <> ?
"""
_NOTE_REMINDER = """
UPDATE credentials SET expiry_told = ?
WHERE name = ? AND (expiry_told IS NULL OR expiry_told > ?)
"""
# What it published and could not remove is tried anew: the failure may have been its own.
_FORGET_FAILURES = """
DELETE FROM failed_removals WHERE id IN (SELECT id FROM publications WHERE credential = ?)
"""


class Credential(Secretive, frozen=True):
    """A provider's fields under a name, and how to wait for its DNS.

    Moments are RFC 3339 in UTC, empty before it is stored. ``expires`` is the day (UTC) on which
    its key ceases to work, None where that is not known.
    """

    name: str
    provider: str
    fields: Mapping[str, str]
    dns: DnsSettings = msgspec.field(default_factory=DnsSettings)
    expires: date | None = None
    created_at: str = ""
    changed_at: str = ""

    def as_fields(self) -> dict[str, Any]:
        """Return all that people may see of it, for JSON."""
        return asdict(self) | {"fields": self.shown_fields()}

    def rows(self) -> dict[str, str]:
        """Return what people may see of it, by what each is."""
        dns = self.dns
        timeout = f"{dns.propagation_timeout:g} s" if dns.propagation_timeout else ""
        settings = {
            "propagation": "" if dns.propagation is None else str(dns.propagation),
            "propagation timeout": timeout,
            "resolvers": ", ".join(dns.resolvers or ()),
        }
        return {
            "provider": self.provider,
            **self.shown_fields(),
            **{name: text for name, text in settings.items() if text},
            **({"key expires": str(self.expires)} if self.expires else {}),
            "created": times.at(self.created_at),
            "changed": times.at(self.changed_at),
        }

    def shown_fields(self) -> dict[str, str]:
        """Return the fields as people may see them.

        A field that the provider, or the deployment task, does not describe may be a secret, and so
        may those of one that this version does not have.
        """
        try:
            info = describe_kind(self.provider)
        except InvalidInputError:
            info = None
        unknown = CredentialField("", "", secret=True)
        return {
            name: shown_field((info and info.field(name)) or unknown, value)
            for name, value in self.fields.items()
        }


def check_credential_name(name: str) -> str:
    """Return the name. Raises InvalidInputError."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise InvalidInputError(
            f"'{name[:80]}' is not a valid credential name: use letters, digits, '.', '-' and '_', "
            "at"
            f" most {_LONGEST_NAME}"
        )
    return name


class Credentials(Stored):
    """The stored credentials. Every method raises StorageError and VaultError."""

    sealed: ClassVar = (_FIELDS,)

    def __init__(self, store: Store, vault: Vault) -> None:
        super().__init__(store)
        self._vault = vault

    @reads
    def all(self, tx: Transaction) -> list[Credential]:
        """Return all, sorted by name."""
        return self._select(tx, "ORDER BY name")

    @reads
    def find(self, tx: Transaction, name: str) -> Credential | None:
        """Return the one of that name, or None."""
        found = self._select(tx, "WHERE name = ?", name)
        return found[0] if found else None

    @reads
    def get(self, tx: Transaction, name: str) -> Credential:
        """Return the one of that name. Raises InvalidInputError, with the nearest name."""
        found = self.find.within(tx, name)
        if found is None:
            raise no_credential(tx, name)
        return found

    @reads
    def get_emptied(self, tx: Transaction, name: str) -> Credential:
        """Return the one of that name without its fields, which are not opened."""
        rows = tx.query(f"{_SELECT} WHERE name = ?", (name,))
        if not rows:
            raise no_credential(tx, name)
        return self._credential(rows[0], emptied=True)

    @reads
    def revisions(self, tx: Transaction, names: Collection[str] | None = None) -> dict[str, str]:
        """Return a text for each of that name, or for all, that every change makes another one.

        No secret is opened.
        """
        rest, parameters = among(names)
        rows = tx.query(f"SELECT name, id, changed_at FROM credentials {rest}", parameters)  # noqa: S608  constant
        return {str(name): " ".join(map(str, facts)) for name, *facts in rows}

    def _select(self, tx: Transaction, rest: str, *parameters: str) -> list[Credential]:
        return [self._credential(row) for row in tx.query(f"{_SELECT} {rest}", parameters)]

    def _credential(self, row: Row, *, emptied: bool = False) -> Credential:
        key, name, provider, sealed, dns, expires, created_at, changed_at = map(str, row)
        way_out = f"'zoneproof credential set {name}' with all its fields stores it anew"
        with naming(f"the credential {name}", way_out):
            opened = b"{}" if emptied else self._vault.open(sealed, _FIELDS.context(key))
        try:
            fields = msgspec.json.decode(opened, type=dict[str, str])
            settings = msgspec.json.decode(dns, type=DnsSettings)
        except msgspec.MsgspecError as error:
            raise StorageError(
                f"the stored credential {name} cannot be read: update Zoneproof if a newer one"
                f" wrote it; else remove it with 'zoneproof credential remove {name} --force', and"
                " add it again"
            ) from error
        ends = parsed(expires, date.fromisoformat, None)  # empty for never
        return Credential(name, provider, fields, settings, ends, created_at, changed_at)

    @writes
    def save(self, tx: Transaction, credential: Credential) -> None:
        """Store the credential under its name, in place of an older one.

        The older one's DNS settings stay if the new one has none.
        """
        check_credential_name(credential.name)
        tx.execute(_SAVE, (*self._values(credential), _dns_text(DnsSettings())))
        tx.execute(_FORGET_FAILURES, (credential.name,))

    @writes
    def add(self, tx: Transaction, credential: Credential) -> None:
        """Store a new credential. Raises InvalidInputError if its name is taken."""
        check_credential_name(credential.name)
        if not tx.execute(_INSERT, self._values(credential)):
            raise taken(credential.name)

    @reads
    def require_free(self, tx: Transaction, name: str) -> None:
        """Raise InvalidInputError if no new credential can have the name."""
        check_credential_name(name)
        if tx.query("SELECT name FROM credentials WHERE name = ?", (name,)):
            raise taken(name)

    @writes
    def change(
        self,
        tx: Transaction,
        name: str,
        change: Callable[[Credential], Credential],
        *,
        emptied: bool = False,
    ) -> Credential:
        """Replace fields, DNS settings and expiry by those that ``change`` returns.

        It gets the credential, without its fields if it is ``emptied``, because they are lost. What
        ``change`` raises comes out, and nothing is changed. Raises InvalidInputError if there is no
        such credential.
        """
        rows = tx.query(f"{_SELECT} WHERE name = ?", (name,))
        if not rows:
            raise no_credential(tx, name)
        now = times.stamp(
            datetime.now(UTC), "microseconds"
        )  # in full: two changes are never at the same time
        after = replace(change(self._credential(rows[0], emptied=emptied)), changed_at=now)
        key = str(rows[0][0])
        tx.execute(
            "UPDATE credentials SET fields = ?, dns = ?, changed_at = ? WHERE id = ?",
            (self._sealed(key, after), _dns_text(after.dns), now, key),
        )
        self.set_expiry.within(tx, name, after.expires)
        tx.execute(_FORGET_FAILURES, (name,))
        return after

    @writes
    def set_expiry(self, tx: Transaction, name: str, expires: date | None) -> None:
        """Remember when the key expires, of which people are told anew if it is another day.

        It is no other credential for that, so what failed with it stays.
        """
        day = _day_text(expires)
        tx.execute(_SET_EXPIRY, (day, name, day))

    @writes
    def note_reminder(self, tx: Transaction, name: str, days: int) -> bool:
        """Remember that people are told so many days before; tells whether they were not yet."""
        return bool(tx.execute(_NOTE_REMINDER, (days, name, days)))

    def _values(self, credential: Credential) -> tuple[str, ...]:
        key, now = str(uuid.uuid4()), times.stamp(datetime.now(UTC), "seconds")
        return (
            key,
            credential.name,
            credential.provider,
            self._sealed(key, credential),
            _dns_text(credential.dns),
            _day_text(credential.expires),
            now,
            now,
        )

    def _sealed(self, key: str, credential: Credential) -> str:
        return self._vault.seal(msgspec.json.encode(dict(credential.fields)), _FIELDS.context(key))


def _day_text(day: date | None) -> str:
    return day.isoformat() if day else ""


def _dns_text(dns: DnsSettings) -> str:
    return msgspec.json.encode(dns).decode()


def no_credential(transaction: Transaction, name: str) -> InvalidInputError:
    """Return the error for a name that no credential has, with the nearest that one has."""
    names = [str(row[0]) for row in transaction.query("SELECT name FROM credentials")]
    near = difflib.get_close_matches(name, names, n=1)
    advice = (
        f"did you mean '{near[0]}'?"
        if near
        else "'zoneproof credential list' shows all, 'zoneproof credential add' stores one"
    )
    return NotFoundError(f"there is no credential '{name[:80]}': {advice}")


def taken(name: str) -> InvalidInputError:
    """Return the error for a new credential whose name another one has."""
    return InvalidInputError(
        f"the credential '{name}' already exists: 'zoneproof credential set {name}' changes it;"
        " give the new one another name"
    )
