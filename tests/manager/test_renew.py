"""Renewing many certificates, of which one goes wrong in a way that must not stop the others."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.full_home import issued
from zoneproof.acme import find_ca
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
    tell,
)
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.certificates import issue as issue_module
from zoneproof.manager.certificates import renew as renew_module
from zoneproof.manager.certificates.state import state_of

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


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("token=hunter2")


async def test_a_certificate_that_is_removed_before_its_turn_is_left_alone(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issue_module, "make_plan", fail)

    def remove_the_other(result: Renewal) -> None:
        if result.name == NAMES[0]:
            forget(manager, NAMES[1])

    first, second = await renew(manager, ignore, on_result=remove_the_other)
    assert first.result == "failed"
    assert (second.result, second.reason) == ("not due", "it is no longer managed")
    assert not list(manager.home.path.glob("live/*"))


async def test_a_certificate_that_is_removed_while_it_is_renewed_stops_no_other(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def removed_meanwhile(
        manager: Manager, definition: CertificateDefinition, *_: object, **__: object
    ) -> None:
        forget(manager, definition.name)
        raise AcmeError("the CA is away")

    monkeypatch.setattr(renew_module, "issue_locked", removed_meanwhile)
    results = await renew(manager, ignore)
    assert [result.result for result in results] == ["failed", "failed"]


async def test_what_another_process_did_between_the_look_and_the_lock_counts(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Home.lock

    def lock_late(home: Home, name: str, doing: str = "") -> AbstractContextManager[None]:
        manager.files.write(name, issued(name))
        return lock(home, name, doing)

    monkeypatch.setattr(Home, "lock", lock_late)
    monkeypatch.setattr(renew_module, "issue_locked", fail)
    results = await renew(manager, ignore)
    assert [result.result for result in results] == ["not due", "not due"]
    assert all(result.lifetime for result in results)


async def test_a_store_that_fails_for_one_certificate_stops_no_other(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, failures = manager.certificates.find, [StorageError("another process keeps it locked")]

    async def find_once_not(name: str) -> ManagedCertificate | None:
        if failures:
            raise failures.pop()
        return await find(name)

    monkeypatch.setattr(manager.certificates, "find", find_once_not)
    monkeypatch.setattr(issue_module, "make_plan", fail)
    first, second = await renew(manager, ignore)
    assert str(first.error) == "another process keeps it locked"
    assert isinstance(second.error, BugError)


async def test_a_bug_is_one_certificate_s_failure_and_what_it_says_is_kept_nowhere(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issue_module, "make_plan", fail)
    results = await renew(manager, ignore)
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
        assert await tell(manager.states, manager.settings.notify, [own])
        assert not await tell(manager.states, manager.settings.notify, [held])
