"""A new vault key: every secret that is stored anywhere is sealed with it."""

from __future__ import annotations

import asyncio
import base64
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import zoneproof
from zoneproof.acme import AccountKey
from zoneproof.core.errors import BusyError, VaultError
from zoneproof.core.names import DomainName
from zoneproof.issuance import JournaledOrder, PublishedRecord
from zoneproof.manager import (
    AccountTerms,
    CertificateDefinition,
    Credential,
    Home,
    Manager,
    drop_older_keys,
    open_manager,
    rotate_key,
)
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.vault_key import SEALED
from zoneproof.providers import Registration, Zone
from zoneproof.vault import Key, Vault

FIELDS = {"secret": "c2VjcmV0"}
DOMAIN = DomainName("example.com")
SERVER = "https://dns.example"


async def store_one_of_each(manager: Manager) -> str:
    """Store a secret in every place there is, and return the journaled order's id."""
    await manager.credentials.add(Credential("dns", "rfc2136", FIELDS))
    account = new_account("ca", "https://ca.example/dir", AccountTerms())
    await manager.accounts.add(account)
    await manager.accounts.keep_next_key(account, AccountKey.generate())
    registration = Registration(SERVER, DomainName("x.dns.example"), "x", "u", "pass")
    await manager.registrations.put(DOMAIN, registration)
    await manager.certificates.save(CertificateDefinition(name="c", identifiers=("example.com",)))
    await manager.certificates.set_pkcs12_password("c", "pkcs")
    await manager.certificates.set_pending("c", b"a change")
    order = await manager.journal.open_order(
        JournaledOrder(
            certificate="c",
            directory_url="",
            account_url="",
            order_url="",
            identifiers=(),
            profile="",
        )
    )
    await manager.journal.keep_key(order.id, b"pem")
    publication = PublishedRecord(order.id, "rfc2136", Zone(DOMAIN), "x", "v", 60, FIELDS)
    await manager.journal.will_publish([publication])
    return order.id


async def check_one_of_each(manager: Manager, order_id: str) -> None:
    """Read every secret that :func:`store_one_of_each` stored."""
    assert (await manager.credentials.get("dns")).fields == FIELDS
    account = await manager.accounts.get("ca")
    assert account.next_key is not None
    registration = await manager.registrations.get(SERVER, DOMAIN)
    assert registration is not None
    assert registration.password == "pass"
    assert await manager.certificates.pkcs12_password("c") == b"pkcs"
    assert await manager.certificates.pending("c") == b"a change"
    (order,) = await manager.journal.open_orders("c")
    assert order.private_key == b"pem"
    (publication,) = await manager.journal.publications(order_id)
    assert publication.fields == FIELDS


def keys_of(home: Path) -> list[Key]:
    return [Key.from_text(word) for word in (home / "vault.key").read_text().split()]


def texts(home: Path) -> Iterator[tuple[str, str, str]]:
    """Return every text in the database, with its table and column."""
    with closing(sqlite3.connect(home / "state.sqlite3")) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            rows = database.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in rows.description]
            for row in rows:
                yield from (
                    (table, name, str(value)) for name, value in zip(names, row, strict=True)
                )


def sealed_by(home: Path, key: Key) -> list[tuple[str, str]]:
    """Return the tables and columns of everything that the key sealed, declared or not."""
    prefix = base64.b64encode(b"\x01" + bytes.fromhex(key.id)).decode()
    return [(table, name) for table, name, text in texts(home) if text.startswith(prefix)]


async def test_every_stored_secret_is_sealed_with_the_new_key(tmp_path: Path) -> None:
    declared = sorted((column.table, column.column) for column in SEALED)
    async with open_manager(Home(tmp_path)) as manager:
        order = await store_one_of_each(manager)
        (old,) = keys_of(tmp_path)
        assert sorted(sealed_by(tmp_path, old)) == declared, "seal one of each in this test"
        rotation = await rotate_key(manager)
    assert [key.id for key in keys_of(tmp_path)] == [old.id, rotation.key_id]
    assert rotation.resealed == len(SEALED)
    assert sealed_by(tmp_path, old) == []
    (tmp_path / "vault.key").write_text(keys_of(tmp_path)[-1].to_text())
    async with open_manager(Home(tmp_path)) as manager:
        await check_one_of_each(manager, order)


async def test_secrets_are_sealed_in_the_transaction_that_stores_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a key could be rotated and dropped between the two, and the secret lost."""
    seal, threads = Vault.seal, list[str]()

    def noted(vault: Vault, plaintext: bytes, context: str) -> str:
        threads.append(threading.current_thread().name)
        return seal(vault, plaintext, context)

    monkeypatch.setattr(Vault, "seal", noted)
    async with open_manager(Home(tmp_path)) as manager:
        await store_one_of_each(manager)
    assert len(threads) == len(SEALED)
    assert set(threads) == {"zoneproof-store-writer"}


def test_whoever_seals_for_the_database_is_known_here() -> None:
    """A new module that seals must declare its columns in ``vault_key.SEALED``, and be tested."""
    source = Path(next(iter(zoneproof.__path__)))
    sealing = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if ".seal(" in path.read_text() or ".seal(" in path.read_text()
    }
    assert sealing - {"vault/vault.py"} == {
        "issuance/journal.py",
        "manager/accounts/store.py",
        "manager/certificates/store.py",
        "manager/credentials/store.py",
        "manager/credentials/registrations.py",
    }


async def test_the_old_key_goes_when_it_is_told_to(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        order = await store_one_of_each(manager)
        for _ in range(2):
            await rotate_key(manager)
        newest = keys_of(tmp_path)[-1]
        assert await drop_older_keys(manager) == 2
        assert keys_of(tmp_path) == [newest]
        assert await drop_older_keys(manager) == 0
        await check_one_of_each(manager, order)
    async with open_manager(Home(tmp_path)) as manager:
        await check_one_of_each(manager, order)


async def test_what_an_order_can_do_without_keeps_no_key_from_being_changed(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        order = await store_one_of_each(manager)
        for table, column in (("orders", "private_key"), ("publications", "fields")):
            with closing(sqlite3.connect(tmp_path / "state.sqlite3")) as database, database:
                database.execute(f"UPDATE {table} SET {column} = 'AAAA'")
        await rotate_key(manager)
        assert await drop_older_keys(manager) == 1
        assert (await manager.credentials.get("dns")).fields == FIELDS
        assert [item.fields for item in await manager.journal.publications(order)] == [None]


async def test_dropping_first_seals_what_is_left(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        order = await store_one_of_each(manager)
        manager.vault.rotate()
        assert await drop_older_keys(manager) == 1
        await check_one_of_each(manager, order)


async def test_a_program_that_runs_meanwhile_goes_on(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as daemon, open_manager(Home(tmp_path)) as manager:
        order = await store_one_of_each(daemon)
        await rotate_key(manager)
        await check_one_of_each(daemon, order)
        await daemon.credentials.save(Credential("more", "rfc2136", FIELDS))
        await drop_older_keys(manager)
        await check_one_of_each(daemon, order)
        assert (await manager.credentials.get("more")).fields == FIELDS


@pytest.mark.parametrize("count", [0, 1, 150, 230])
async def test_a_rotation_that_was_killed_is_completed(tmp_path: Path, count: int) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        for number in range(230):
            await manager.credentials.add(Credential(f"c{number}", "rfc2136", FIELDS))
        await manager.registrations.put(
            DOMAIN, Registration(SERVER, DomainName("x.dns.example"), "x", "u", "pass")
        )
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.manager.rotate_and_die", str(tmp_path), str(count)
    )
    assert await killed.wait() == -signal.SIGKILL
    async with open_manager(Home(tmp_path)) as manager:
        for number in range(230):
            assert (await manager.credentials.get(f"c{number}")).fields == FIELDS
        assert await drop_older_keys(manager) == 1
        assert len(sealed_by(tmp_path, *keys_of(tmp_path))) == 231
        for number in range(230):
            assert (await manager.credentials.get(f"c{number}")).fields == FIELDS


async def test_no_key_goes_while_a_secret_does_not_open(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        order = await store_one_of_each(manager)
        await rotate_key(manager)
        await manager.credentials.add(Credential("bad", "rfc2136", FIELDS))
        await manager.store.write(
            lambda transaction: transaction.execute(
                "UPDATE credentials SET fields = '!' WHERE name = 'bad'"
            )
        )
        for attempt in (rotate_key, drop_older_keys):
            told = r"the credential bad; of the first: .*credentials\|"
            with pytest.raises(VaultError, match=told):
                await attempt(manager)
        assert len(keys_of(tmp_path)) == 2
        await check_one_of_each(manager, order)
        await manager.credentials.save(Credential("bad", "rfc2136", FIELDS))
        assert await drop_older_keys(manager) == 1


async def test_two_rotations_exclude_each_other(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)) as manager:
        with manager.home.lock("the vault key"), pytest.raises(BusyError, match="the vault key"):
            await rotate_key(manager)


async def test_keys_from_elsewhere_are_for_their_owner_to_drop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Key.new(), Key.new()
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", first.to_text())
    async with open_manager(Home(tmp_path)) as manager:
        order = await store_one_of_each(manager)
        with pytest.raises(VaultError, match=r"comes from \$ZONEPROOF_VAULT_KEY, which you manage"):
            await rotate_key(manager)
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", f"{first.to_text()} {second.to_text()}")
    async with open_manager(Home(tmp_path)) as manager:
        assert (await rotate_key(manager)).key_id == second.id
        with pytest.raises(VaultError, match="remove all but the last of the 2 keys there"):
            await drop_older_keys(manager)
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", second.to_text())
    async with open_manager(Home(tmp_path)) as manager:
        assert await drop_older_keys(manager) == 0
        await check_one_of_each(manager, order)


async def test_what_changes_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential that is changed between reading and writing it keeps the change."""
    async with open_manager(Home(tmp_path)) as other, open_manager(Home(tmp_path)) as manager:
        await manager.credentials.add(Credential("dns", "rfc2136", FIELDS))
        reseal = manager.vault.reseal
        ((key,),) = await other.store.read(lambda tx: tx.query("SELECT id FROM credentials"))

        def slow(sealed: str, context: str) -> str | None:
            new = reseal(sealed, context)
            with closing(sqlite3.connect(tmp_path / "state.sqlite3")) as database:
                changed = other.vault.seal(b'{"a":"b"}', f"credentials|{key!s}|fields")
                database.execute("UPDATE credentials SET fields = ?", (changed,))
                database.commit()
            return new

        monkeypatch.setattr(manager.vault, "reseal", slow)
        assert (await rotate_key(manager)).resealed == 0
        assert (await manager.credentials.get("dns")).fields == {"a": "b"}
