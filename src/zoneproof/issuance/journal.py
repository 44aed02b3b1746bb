"""The journal of orders: written before anything is published, so that a crash leaves nothing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from msgspec.structs import replace

from zoneproof.challenges.webroot import Leftover
from zoneproof.core.errors import VaultError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.issuance.journaled import FailedRemoval, HttpFile, JournaledOrder, PublishedRecord
from zoneproof.providers import Zone
from zoneproof.storage import Row, Store, Stored, Transaction, parsed, reads, writes
from zoneproof.vault import SealedColumn, Vault

_KEY = SealedColumn(
    "orders", "private_key", "the key of an order of", "certificate", can_be_lost=True
)
_FIELDS = SealedColumn(
    "publications", "fields", "the credential of the leftover at", can_be_lost=True
)
_INSERT_ORDER = """
INSERT INTO orders (id, certificate, directory_url, account_url, order_url, identifiers, profile,
                    private_key, state, error, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, NULL, 'open', '', ?)
"""
_INSERT_TRIAL = """
INSERT INTO orders (id, certificate, directory_url, account_url, order_url, identifiers, profile,
                    private_key, state, error, created_at)
VALUES (?, ?, '', '', '', '[]', '', NULL, 'trial', '', ?)
"""
_DELETE_TRIALS = """
DELETE FROM orders WHERE state = 'trial' AND certificate = ?
  AND id NOT IN (SELECT order_id FROM publications)
"""
_OPEN_ORDERS = """
SELECT id, certificate, directory_url, account_url, order_url, identifiers, profile, private_key
FROM orders WHERE state = 'open' AND certificate = ? ORDER BY created_at DESC, id
"""
_INSERT_PUBLICATION = """
INSERT INTO publications
    (id, order_id, provider, fields, zone, zone_id, name, value, ttl, credential)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (order_id, zone, name, value) DO NOTHING
"""
_PUBLICATIONS = """
SELECT publications.id, order_id, provider, fields, zone, zone_id, name, value, ttl, credential,
       since, tries, next_try_at, failed_removals.error
FROM publications LEFT JOIN failed_removals ON failed_removals.id = publications.id
WHERE order_id = ? ORDER BY zone, name, value
"""
_FILES = """
SELECT http_files.id, webroot, token, folders, since, tries, next_try_at, failed_removals.error
FROM http_files LEFT JOIN failed_removals ON failed_removals.id = http_files.id
WHERE order_id = ? ORDER BY webroot, token
"""
_FORGET = (
    "DELETE FROM publications WHERE id = ?",
    "DELETE FROM http_files WHERE id = ?",
    "DELETE FROM failed_removals WHERE id = ?",
)
_FORGET_FAILURES = """
DELETE FROM failed_removals WHERE id IN (
  SELECT id FROM publications WHERE order_id = ? UNION SELECT id FROM http_files WHERE order_id = ?
)
"""
_SAVE_FAILURE = """
INSERT INTO failed_removals (id, since, tries, next_try_at, error) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
  since = excluded.since, tries = excluded.tries, next_try_at = excluded.next_try_at,
  error = excluded.error
"""
_NAMES_IN_USE = """
SELECT zone, name, certificate FROM publications JOIN orders ON orders.id = order_id
WHERE state IN ('open', 'trial')
  AND certificate NOT IN (SELECT certificate FROM orders WHERE id = ?)
"""
_FOLDERS_MADE = "SELECT COALESCE(MAX(folders), 0) FROM http_files WHERE webroot = ?"
_INSERT_FILE = """
INSERT INTO http_files (id, order_id, webroot, token, folders)
VALUES (?, ?, ?, ?, ?) ON CONFLICT (order_id, webroot, token) DO NOTHING
"""
_INSERT_CREATED = """
INSERT INTO created_records (order_id, record) VALUES (?, ?) ON CONFLICT DO NOTHING
"""
_CREATED = """
SELECT order_id, record, state FROM created_records JOIN orders ON orders.id = order_id
WHERE certificate = ?
"""
_ORDERS_TO_CLEAN = """
SELECT id, certificate FROM orders
WHERE id IN (SELECT order_id FROM publications UNION SELECT order_id FROM http_files)
"""


class Journal(Stored):
    """Orders, publications and HTTP files in a store, their secrets sealed by the vault.

    ``at_work`` tells whether a process works on a certificate, or on the trials of a label;
    ``clock`` gives the time in UTC.
    """

    sealed: ClassVar = (_KEY, _FIELDS)

    def __init__(
        self,
        store: Store,
        vault: Vault,
        at_work: Callable[[str], bool],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(store)
        self._vault = vault
        self._at_work = at_work
        self.now = clock

    @writes
    def open_order(self, tx: Transaction, order: JournaledOrder) -> JournaledOrder:
        """Write down an order that the CA has just created, and return it."""
        names = json.dumps([[item.type, item.value] for item in order.identifiers])
        tx.execute(
            _INSERT_ORDER,
            (
                order.id,
                order.certificate,
                order.directory_url,
                order.account_url,
                order.order_url,
                names,
                order.profile,
                self.now().isoformat(timespec="seconds"),
            ),
        )
        return order

    @reads
    def open_orders(self, tx: Transaction, certificate: str) -> list[JournaledOrder]:
        """Return the certificate's orders that neither finished nor failed, newest first."""
        return [self._order(row) for row in tx.query(_OPEN_ORDERS, (certificate,))]

    def _order(self, row: Row) -> JournaledOrder:
        texts = [str(value) for value in row]
        order_id, certificate, directory_url, account_url, order_url, names, profile, sealed = texts
        return JournaledOrder(
            id=order_id,
            certificate=certificate,
            directory_url=directory_url,
            account_url=account_url,
            order_url=order_url,
            identifiers=parsed(names, _identifiers, ()),  # without them none to continue
            profile=profile,
            private_key=None if row[7] is None else self._opened(sealed, _KEY.context(order_id)),
        )

    @writes
    def keep_key(self, tx: Transaction, order_id: str, private_key: bytes) -> None:
        """Keep the certificate's key (PEM) until the certificate is delivered."""
        sealed = self._vault.seal(private_key, _KEY.context(order_id))
        tx.execute("UPDATE orders SET private_key = ? WHERE id = ?", (sealed, order_id))

    @writes
    def close_order(self, tx: Transaction, order_id: str, *, error: str = "") -> None:
        """Mark the order as finished, or as failed for ``error``, and forget its key."""
        state = "failed" if error else "finished"
        tx.execute(
            "UPDATE orders SET state = ?, error = ?, private_key = NULL WHERE id = ?",
            (state, error, order_id),
        )

    @writes
    def open_trial(self, tx: Transaction, label: str) -> str:
        """Write down that values are published without an order, and return the id of that.

        ``label`` stands where an order has its certificate's name, and is not a certificate's.
        """
        key, now = str(uuid.uuid4()), self.now().isoformat(timespec="seconds")
        tx.execute(_INSERT_TRIAL, (key, label, now))
        return key

    @writes
    def close_trials(self, tx: Transaction, label: str) -> None:
        """Forget the trials of that label that have left nothing in the DNS."""
        tx.execute(_DELETE_TRIALS, (label,))

    async def will_publish(
        self, publications: Sequence[PublishedRecord], *, alone_at: Collection[DomainName] = ()
    ) -> set[DomainName]:
        """Write down what one order is about to publish; what already exists stays.

        What could not be removed before is new again, so that it is removed with the others.
        Nothing is, if orders of other certificates that are worked on have values at names
        ``alone_at``: these are returned. Values that a killed run left, or that could not be
        removed, are nobody's.
        """
        idle: set[str] = set()
        while True:
            holders = await self._will_publish(publications, alone_at, idle)
            at_work = {holder: self._at_work(holder) for holder in set().union(*holders.values())}
            taken = {name for name, found in holders.items() if any(map(at_work.get, found))}
            if taken or not holders:
                return taken
            idle |= at_work.keys()

    @writes
    def _will_publish(
        self,
        tx: Transaction,
        publications: Sequence[PublishedRecord],
        alone_at: Collection[DomainName],
        idle: Collection[str],
    ) -> dict[DomainName, set[str]]:
        """Write them down, or return which certificates, other than ``idle`` ones, are in the way.

        They are returned by the name at which they have values.
        """
        holders = _holders(tx, publications[0].order_id) if alone_at else {}
        taken = {
            name: found - set(idle)
            for name, found in holders.items()
            if name in alone_at and not found <= set(idle)
        }
        for item in () if taken else publications:
            fields = json.dumps(dict(item.fields or {})).encode()
            tx.execute(
                _INSERT_PUBLICATION,
                (
                    item.id,
                    item.order_id,
                    item.provider,
                    self._vault.seal(fields, _FIELDS.context(item.id)),
                    item.zone.name.text,
                    item.zone.id,
                    item.name,
                    item.value,
                    item.ttl,
                    item.credential,
                ),
            )
        if not taken:
            tx.execute(_FORGET_FAILURES, (publications[0].order_id,) * 2)
        return taken

    @reads
    def publications(
        self,
        tx: Transaction,
        order_id: str,
        published: Mapping[str, PublishedRecord] | None = None,
    ) -> list[PublishedRecord]:
        """Return the values of an order that may be in the DNS.

        Those that this run has ``published``, by their ids, are not opened again.
        """
        known = published or {}
        return [
            replace(known[key], failed=_failed(row[10:]))
            if (key := str(row[0])) in known
            else self._publication(row)
            for row in tx.query(_PUBLICATIONS, (order_id,))
        ]

    def _publication(self, row: Row) -> PublishedRecord:
        key, order_id, provider, sealed, zone, zone_id, name, value = map(str, row[:8])
        fields = self._opened(sealed, _FIELDS.context(key))
        return PublishedRecord(
            order_id=order_id,
            provider=provider,
            zone=Zone(DomainName(zone), zone_id),
            name=name,
            value=value,
            ttl=int(str(row[8])),
            fields=None if fields is None else json.loads(fields),
            credential=str(row[9]),
            id=key,
            failed=_failed(row[10:]),
        )

    def _opened(self, sealed: str, context: str) -> bytes | None:
        """Return a secret; None if it is lost, which must hold up neither orders nor cleaning."""
        try:
            return self._vault.open(sealed, context)
        except VaultError:
            return None

    @writes
    def forget(self, tx: Transaction, item: PublishedRecord | HttpFile) -> None:
        """Forget a value or a file that is gone, or that will no longer be removed."""
        for sql in _FORGET:
            tx.execute(sql, (item.id,))

    @writes
    def removal_failed(
        self, tx: Transaction, item: PublishedRecord | HttpFile, failed: FailedRemoval
    ) -> None:
        """Remember that it could not be removed."""
        since, next_try_at = failed.since.isoformat(), failed.next_try_at.isoformat()
        tx.execute(_SAVE_FAILURE, (item.id, since, failed.tries, next_try_at, failed.error))

    @writes
    def will_write(self, tx: Transaction, files: Sequence[HttpFile]) -> None:
        """Write down which files are about to be written; what already exists stays.

        A folder that an earlier file of ours made is also this one's to remove.
        """
        for file in files:
            leftover = file.leftover
            webroot = str(leftover.webroot)
            ((made,),) = tx.query(_FOLDERS_MADE, (webroot,))
            folders = max(leftover.folders, int(str(made)))
            tx.execute(_INSERT_FILE, (file.id, file.order_id, webroot, leftover.token, folders))
            tx.execute(_FORGET_FAILURES, (file.order_id,) * 2)

    @reads
    def files(self, tx: Transaction, order_id: str) -> list[HttpFile]:
        """Return the files of an order that may be there."""
        return [
            HttpFile(
                order_id,
                Leftover(Path(str(webroot)), str(token), int(str(folders))),
                str(key),
                _failed(failed),
            )
            for key, webroot, token, folders, *failed in tx.query(_FILES, (order_id,))
        ]

    @writes
    def will_be_created(self, tx: Transaction, order_id: str, records: Sequence[str]) -> None:
        """Write down which records a person has to create for the order."""
        for record in records:
            tx.execute(_INSERT_CREATED, (order_id, record))

    @writes
    def take_deletable(self, tx: Transaction, certificate: str) -> tuple[str, ...]:
        """Return, once, what a person created for orders that are closed, and no open one needs."""
        rows = [tuple(map(str, row)) for row in tx.query(_CREATED, (certificate,))]
        needed = {record for _, record, state in rows if state == "open"}
        ended = [(order_id, record) for order_id, record, state in rows if state != "open"]
        for row in ended:
            tx.execute("DELETE FROM created_records WHERE order_id = ? AND record = ?", row)
        return tuple(sorted({record for _, record in ended} - needed))

    @reads
    def certificates_to_clean(self, tx: Transaction) -> list[str]:
        """Return the certificates whose orders may have left values or files."""
        return sorted({str(certificate) for _, certificate in tx.query(_ORDERS_TO_CLEAN)})

    @reads
    def orders_to_clean(self, tx: Transaction, certificate: str) -> list[str]:
        """Return the ids of the certificate's orders that may have left values or files."""
        sql = f"{_ORDERS_TO_CLEAN} AND certificate = ? ORDER BY id"
        return [str(order_id) for order_id, _ in tx.query(sql, (certificate,))]


def _failed(columns: Sequence[object]) -> FailedRemoval | None:
    since, tries, next_try_at, error = columns
    if since is None:
        return None
    moments = [parsed(text, datetime.fromisoformat, None) for text in (since, next_try_at)]
    first, next_try = moments
    if first is None or next_try is None:
        return None  # it is tried again at once, and counted anew
    return FailedRemoval(first, parsed(tries, int, 1), next_try, str(error))


def _identifiers(text: str) -> tuple[Identifier, ...]:
    return tuple(Identifier(kind, value) for kind, value in json.loads(text))


def _holders(transaction: Transaction, order_id: str) -> dict[DomainName, set[str]]:
    """Return which certificates but the order's own have values at which names, until they end."""
    holders: dict[DomainName, set[str]] = {}
    for zone, name, certificate in transaction.query(_NAMES_IN_USE, (order_id,)):
        full_name = Zone(DomainName(str(zone))).record(str(name))
        holders.setdefault(full_name, set()).add(str(certificate))
    return holders
