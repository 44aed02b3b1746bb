"""Renewing many certificates, of which one goes wrong in a way that must not stop the others."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.full_home import issued
from zoneproof.acme import AcmeClient, find_ca
from zoneproof.core.errors import AcmeError, BugError, HeldUpError, StorageError
from zoneproof.issuance import Emit
from zoneproof.manager import (
    AccountTerms,
    CertificateDefinition,
    Home,
    ManagedCertificate,
    Manager,
    MethodDefinition,
    Renewal,
    open_manager,
    renew,
)
from zoneproof.manager.accounts.clients import ClientPool
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.certificates.daemon import tell
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.on_disk import OnDisk
from zoneproof.manager.certificates.state import state_of
from zoneproof.manager.certificates.store import Certificates

CA = find_ca("letsencrypt")
NAMES = ("a.example", "b.example")


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    """A home with an account and two due certificates, of which one is worked on at a time."""
    (tmp_path / "settings.toml").write_text("parallel = 1\n")
    async with open_manager(Home(tmp_path)) as manager:
        account = new_account(CA.name, CA.directory_url, AccountTerms())
        await manager.accounts.add(replace(account, account_url="https://ca.example/acct/1"))
        for name in NAMES:
            method = MethodDefinition(provider="manual")
            await manager.certificates.save(
                CertificateDefinition(name=name, identifiers=(name,), method=(method,))
            )
        yield manager


def ignore(_: str) -> Emit:
    return lambda _: None


def forget(manager: Manager, name: str) -> None:
    """Remove a certificate as another process does."""
    with closing(sqlite3.connect(manager.home.path / "state.sqlite3")) as connection:
        connection.execute("DELETE FROM certificates WHERE name = ?", (name,))
        connection.commit()


def with_clients(manager: Manager, use: Callable[[], None]) -> Manager:
    """Return a manager in which an order does this instead of signing in to its CA account."""

    class Clients(ClientPool):
        @asynccontextmanager
        async def use(
            self, text: str, terms: AccountTerms | None = None
        ) -> AsyncIterator[AcmeClient]:
            use()
            async with super().use(text, terms) as client:
                yield client

    return replace(manager, clients=Clients(manager.accounts, AccountTerms()))


def fail() -> None:
    raise RuntimeError("token=hunter2")


async def test_a_certificate_that_is_removed_before_its_turn_is_left_alone(
    manager: Manager,
) -> None:
    def remove_the_other(result: Renewal) -> None:
        if result.name == NAMES[0]:
            forget(manager, NAMES[1])

    failing = with_clients(manager, fail)
    first, second = await renew(failing, ignore, on_result=remove_the_other)
    assert first.result == "failed"
    assert (second.result, second.reason) == ("not due", "it is no longer managed")
    assert not list(manager.home.path.glob("live/*"))


async def test_a_certificate_that_is_removed_while_it_is_renewed_stops_no_other(
    manager: Manager,
) -> None:
    left = list(NAMES)

    def removed_meanwhile() -> None:
        forget(manager, left.pop(0))
        raise AcmeError("the CA is away")

    results = await renew(with_clients(manager, removed_meanwhile), ignore)
    assert [result.result for result in results] == ["failed", "failed"]
    assert not left


async def test_what_another_process_did_between_the_look_and_the_lock_counts(
    manager: Manager,
) -> None:
    class LateHome(Home, frozen=True):
        def lock(self, name: str, doing: str = "", *, patience: float = 0) -> Any:
            manager.files.write(name, issued(name))
            return super().lock(name, doing, patience=patience)

    late = replace(with_clients(manager, fail), home=LateHome(manager.home.path))
    results = await renew(late, ignore)
    assert [result.result for result in results] == ["not due", "not due"]
    assert all(result.lifetime for result in results)


async def test_a_store_that_fails_for_one_certificate_stops_no_other(manager: Manager) -> None:
    failures = [StorageError("another process keeps it locked")]

    class Failing(Certificates):
        async def find(self, name: str) -> ManagedCertificate | None:  # type: ignore[override]
            if failures:
                raise failures.pop()
            return await manager.certificates.find(name)

    failing = replace(
        with_clients(manager, fail), certificates=Failing(manager.store, manager.vault)
    )
    first, second = await renew(failing, ignore)
    assert str(first.error) == "another process keeps it locked"
    assert isinstance(second.error, BugError)


async def test_a_certificate_that_nobody_can_look_at_stops_no_other(manager: Manager) -> None:
    class Failing(CertificateFiles):
        def read(self, name: str) -> OnDisk:
            if name == NAMES[0]:
                raise PermissionError(errno.EACCES, "Permission denied")
            return super().read(name)

    failing = replace(with_clients(manager, fail), files=Failing(manager.home.path))
    first, second = await renew(failing, ignore)
    assert [first.result, second.result] == ["failed", "failed"]
    assert state_of(await manager.certificates.get(NAMES[1])).renewal.failures == 1


async def test_a_bug_is_one_certificate_s_failure_and_what_it_says_is_kept_nowhere(
    manager: Manager,
) -> None:
    results = await renew(with_clients(manager, fail), ignore)
    for result in results:
        assert isinstance(result.error, BugError)
        assert "a bug in Zoneproof: RuntimeError in line" in result.error.message
        assert "test_renew.py" in result.error.message
        assert "hunter2" not in result.error.message
        stored = await manager.certificates.get(result.name)
        assert state_of(stored).renewal.failures == 1
    assert b"hunter2" not in b"".join(
        path.read_bytes() for path in manager.home.path.glob("state.sqlite3*")
    )


async def test_nobody_is_notified_of_what_failed_with_another(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[[notify.webhook]]\nurl = "https://127.0.0.1:9/"\n')
    async with open_manager(Home(tmp_path)) as manager:
        own = Renewal(NAMES[0], "failed", NAMES, error=AcmeError("the CA is away"))
        held = Renewal(NAMES[1], "failed", NAMES, error=HeldUpError("the CA is away"))
        assert await tell(manager, [own])
        assert not await tell(manager, [held])
