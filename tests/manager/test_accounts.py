"""Stored accounts: names, those of older versions, the certificates that use them, the pool."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

import tests.support.peers  # noqa: F401  says where Pebble is
from tests.support.fake_http import Reply, Request, fake_http_server
from zoneproof.acme import AccountKey
from zoneproof.core.errors import AcmeError, AcmeProblemError, BusyError, InvalidInputError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.manager import (
    AccountTerms,
    CertificateDefinition,
    Home,
    MethodDefinition,
    RunOptions,
    StoredAccount,
    open_manager,
)
from zoneproof.manager.accounts import changes, sharing
from zoneproof.manager.accounts.store import new_account
from zoneproof.storage import Transaction, Value, load_migrations, open_sqlite
from zoneproof.testing.pebble import Pebble
from zoneproof.vault import open_vault

LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
PRIVATE_CA = "https://ca.example/acme/directory"


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with Pebble(tmp_path_factory.mktemp("pebble"), strict=True) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def run_for(pebble: Pebble) -> RunOptions:
    return RunOptions(terms=AccountTerms(agree_to_terms=True, ca_bundle=pebble.ca_bundle))


# --- names -----------------------------------------------------------------------------------


async def test_an_account_is_found_by_its_name_its_ca_and_the_cas_url(home: Home) -> None:
    async with open_manager(home) as manager:
        made = await manager.accounts.get_or_create("letsencrypt", AccountTerms())
        for text in ("letsencrypt", "LetsEncrypt", LETSENCRYPT):
            found = await manager.accounts.get(text)
            assert found.id == made.id


async def test_what_is_neither_an_account_nor_a_ca_is_told(home: Home) -> None:
    async with open_manager(home) as manager:
        with pytest.raises(InvalidInputError, match="no account 'wrok', and 'wrok' is not a"):
            await manager.accounts.find("wrok")


@pytest.mark.parametrize("name", ["zerossl", "Google", "a b", "https://other.example", "-x", "?"])
async def test_a_name_that_would_mislead_is_refused(home: Home, name: str) -> None:
    async with open_manager(home) as manager:
        with pytest.raises(InvalidInputError, match="not a valid account name"):
            await sharing.import_account(manager, AccountKey.generate(), "letsencrypt", name)


async def test_the_settings_say_the_contact_of_new_accounts(home: Home, pebble: Pebble) -> None:
    home.create()
    (home.path / "settings.toml").write_text('email = "ops@example.com"\n')
    async with open_manager(home, run_for(pebble)) as manager:
        made = (await changes.register(manager, pebble.directory_url, "work")).account
    assert made.contact == ("mailto:ops@example.com",)


# --- CAs that say little -----------------------------------------------------------------------


def small_ca(account: StoredAccount, answer: Reply) -> Callable[[Request], Reply]:
    """A CA with a directory (RFC 8555 section 7.1.1) without ``meta``, and one answer to POST."""
    base = account.directory_url.removesuffix("/dir")
    names = ("newNonce", "newAccount", "newOrder", "keyChange")
    nonce = {"Replay-Nonce": "bm9uY2U"}

    def handle(request: Request) -> Reply:
        if request.method == "POST":
            return replace(answer, headers={**answer.headers, **nonce})
        directory = {name: f"{base}/{name}" for name in names}
        return Reply(body=directory if request.method == "GET" else b"", headers=nonce)

    return handle


def account_at(url: str) -> StoredAccount:
    account = new_account("small", f"{url}/dir", AccountTerms(allow_http=True))
    return msgspec.structs.replace(account, account_url=f"{url}/account/1")


async def test_a_ca_that_does_not_say_its_name_in_caa_records_is_told(home: Home) -> None:
    async with fake_http_server(lambda _: Reply(404)) as server, open_manager(home) as manager:
        account = account_at(server.url)
        server.handler = small_ca(account, Reply(404))
        names = [DomainName("example.com")]
        with pytest.raises(AcmeError, match="does not say which name"):
            await changes.caa_records(manager.directories, account, names, "dns-01")


@pytest.mark.parametrize("status", [429, 500])
async def test_a_ca_that_does_not_say_whose_a_pending_key_is_settles_nothing(
    home: Home, status: int
) -> None:
    problem = {"type": "about:blank", "detail": "not now"}
    headers = {"Content-Type": "application/problem+json", "Retry-After": "3600"}
    answer = Reply(status, problem, headers)
    async with fake_http_server(lambda _: Reply(404)) as server, open_manager(home) as manager:
        await manager.accounts.add(account_at(server.url))
        stored = await manager.accounts.get("small")
        server.handler = small_ca(stored, answer)
        await manager.accounts.keep_next_key(stored, AccountKey.generate())
        with pytest.raises(AcmeError, match="not now"):
            await changes.roll_over(manager, "small")
        assert (await manager.accounts.get("small")).next_key is not None


# --- an older version's database --------------------------------------------------------------


async def test_accounts_of_the_first_version_are_kept(home: Home) -> None:
    home.create()
    keys = {LETSENCRYPT: AccountKey.generate(), PRIVATE_CA: AccountKey.generate("RS256")}
    await write_first_version(home, keys)
    async with open_manager(home) as manager:
        found = {account.name: account for account in await manager.accounts.all()}
        assert set(found) == {"letsencrypt", PRIVATE_CA}
        for account in found.values():
            assert account.key.thumbprint == keys[account.directory_url].thumbprint
            assert account.account_url == f"{account.directory_url}/1"
            assert account.contact == ("mailto:ops@example.com",)
            assert (account.next_key, account.ca_bundle, account.allow_http) == (None, None, False)
        assert (await manager.accounts.get(PRIVATE_CA)).id == "id-1"
        assert (await manager.accounts.get(PRIVATE_CA)).created_at == "2026-01-01T00:00:00Z"


async def write_first_version(home: Home, keys: dict[str, AccountKey]) -> None:
    """Write the database as the version did that had the first migration alone."""
    vault = open_vault(home.path)
    first = [one for one in load_migrations("zoneproof.manager") if one.number == 1]
    store = open_sqlite(
        home.path / "state.sqlite3", [*load_migrations("zoneproof.issuance"), *first]
    )
    for number, (url, key) in enumerate(keys.items()):
        row = (
            f"id-{number}",
            url,
            f"{url}/1",
            vault.seal(key.to_pem(), f"accounts|id-{number}|private_key"),
            json.dumps(["mailto:ops@example.com"]),
            "2026-01-01T00:00:00+00:00",
        )
        await store.write(partial(_insert, row=row))
    await store.close()


def _insert(transaction: Transaction, row: Sequence[Value]) -> int:
    return transaction.execute(
        "INSERT INTO accounts (id, directory_url, account_url, private_key, contact, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        row,
    )


# --- the certificates that use an account ------------------------------------------------------


async def test_certificates_use_an_account_by_name_by_default_and_as_a_fallback(home: Home) -> None:
    async with open_manager(home) as manager:
        usual = await manager.accounts.get_or_create("letsencrypt", AccountTerms())
        other = await manager.accounts.get_or_create(PRIVATE_CA, AccountTerms())
        for name, account, fallback in (
            ("default", "", ()),
            ("url", LETSENCRYPT, ()),
            ("private", PRIVATE_CA, ()),
            ("both", PRIVATE_CA, ("letsencrypt", "zerossl")),
            ("unknown", "removed-long-ago", ()),
        ):
            await manager.certificates.save(
                CertificateDefinition(
                    name=name,
                    identifiers=("example.com",),
                    method=(MethodDefinition(provider="manual"),),
                    account=account,
                    fallback_accounts=fallback,
                )
            )
        assert await changes.certificates_using(manager, usual) == [
            "both",
            "default",
            "url",
        ]
        assert await changes.certificates_using(manager, other) == ["both", "private"]
        with pytest.raises(InvalidInputError, match="used by both, private"):
            await changes.remove(manager, other)
        assert await manager.accounts.named(PRIVATE_CA)


# --- the pool ----------------------------------------------------------------------------------


async def test_an_account_that_the_ca_forgot_is_told_and_then_registered_anew(
    home: Home, tmp_path: Path
) -> None:
    with Pebble(tmp_path / "pebble", strict=True) as pebble:
        async with open_manager(home, run_for(pebble)) as manager:
            before = (await changes.register(manager, pebble.directory_url, "work")).account
            pebble.stop()
            pebble.start()
            with pytest.raises(AcmeError, match="no longer knows the account work: run this again"):
                await changes.ask(manager.clients, before)
            async with manager.clients.use("work") as client:
                assert (await client.account()).status == "valid"
            after = await manager.accounts.get("work")
    assert after.account_url
    assert after.account_url != before.account_url
    assert after.key.thumbprint == before.key.thumbprint


async def test_an_account_named_after_its_ca_s_url_is_not_named_twice(
    home: Home, tmp_path: Path
) -> None:
    with Pebble(tmp_path / "pebble", strict=True) as pebble:
        async with open_manager(home, run_for(pebble)) as manager:
            before = (await changes.register(manager, pebble.directory_url, "")).account
            pebble.stop()
            pebble.start()
            with pytest.raises(
                AcmeError, match=r"/dir no longer knows your account: .* --ca https"
            ):
                await changes.ask(manager.clients, before)


async def test_an_account_that_was_closed_elsewhere_is_told_with_the_way_to_another(
    home: Home, pebble: Pebble
) -> None:
    async with open_manager(home, run_for(pebble)) as manager:
        closed = (await changes.register(manager, pebble.directory_url, "work")).account
        async with manager.clients.use("work") as client:
            await client.deactivate_account()
        with pytest.raises(AcmeProblemError) as caught:
            async with manager.clients.use("work") as client:
                await client.new_order([Identifier.parse("example.com")])
        told = caught.value.message
        assert "does not accept the account work any more (" in told
        assert "run 'zoneproof account remove work --force', then " in told
        assert f"'zoneproof account register --ca {pebble.directory_url} --name work" in told
        await changes.remove(manager, closed, force=True)
        await changes.register(manager, pebble.directory_url, "work")
        async with manager.clients.use("work") as client:
            assert (await client.account()).status == "valid"


async def test_a_key_that_another_process_brought_in_is_used(home: Home, pebble: Pebble) -> None:
    async with open_manager(home, run_for(pebble)) as daemon:
        before = (await changes.register(daemon, pebble.directory_url, "work")).account
        async with open_manager(home, run_for(pebble)) as other:
            after = await changes.roll_over(other, "work")
        assert after.key.thumbprint != before.key.thumbprint
        async with daemon.clients.use("work") as client:
            assert client.key.thumbprint == after.key.thumbprint
            assert (await client.account()).status == "valid"


async def test_a_rollover_that_is_under_way_elsewhere_is_not_disturbed(
    home: Home, pebble: Pebble
) -> None:
    async with open_manager(home, run_for(pebble)) as manager:
        await changes.register(manager, pebble.directory_url, "work")
        with home.lock("account keys"), pytest.raises(BusyError, match="changes the key"):
            await changes.roll_over(manager, "work")


@pytest.mark.parametrize("use", ["sign in", "roll over"])
async def test_a_pending_key_that_the_ca_has_is_found_out_at_the_next_use(
    home: Home, pebble: Pebble, use: str
) -> None:
    new = AccountKey.generate("ES384")
    async with open_manager(home, run_for(pebble)) as manager:
        account = (await changes.register(manager, pebble.directory_url, "work")).account
        await manager.accounts.keep_next_key(account, new)
        async with account.client() as client:
            client.use_account(account.account_url)
            await client.roll_over_key(new)
        if use == "sign in":
            async with manager.clients.use("work") as client:
                assert client.key.thumbprint == new.thumbprint
        else:
            await changes.roll_over(manager, "work")
        after = await manager.accounts.get("work")
    assert after.key.thumbprint == new.thumbprint
    assert after.next_key is None


async def test_a_pending_key_that_the_ca_lacks_stays_until_a_rollover_brings_it_in(
    home: Home, pebble: Pebble
) -> None:
    new = AccountKey.generate()
    async with open_manager(home, run_for(pebble)) as manager:
        account = (await changes.register(manager, pebble.directory_url, "work")).account
        await manager.accounts.keep_next_key(account, new)
        for _ in range(2):
            async with manager.clients.use("work") as client:
                assert (await client.account()).status == "valid"
        pending = (await manager.accounts.get("work")).next_key
        assert pending
        assert pending.thumbprint == new.thumbprint
        after = await changes.roll_over(manager, "work")
        assert after.key.thumbprint == new.thumbprint
        assert (await changes.ask(manager.clients, after)).status == "valid"


async def test_what_was_found_out_of_an_older_rollover_undoes_no_newer_one(
    home: Home,
) -> None:
    first, second = AccountKey.generate(), AccountKey.generate()
    async with open_manager(home) as manager:
        account = await manager.accounts.get_or_create(PRIVATE_CA, AccountTerms())
        await manager.accounts.keep_next_key(account, first)
        late = await manager.accounts.get(PRIVATE_CA)
        now = await manager.accounts.end_rollover(late, first)
        await manager.accounts.keep_next_key(now, second)
        kept = await manager.accounts.end_rollover(late, account.key)
    assert kept.key.thumbprint == first.thumbprint
    assert kept.next_key
    assert kept.next_key.thumbprint == second.thumbprint


async def test_another_kind_of_key_that_is_wanted_comes_after_the_pending_one(
    home: Home, pebble: Pebble
) -> None:
    async with open_manager(home, run_for(pebble)) as manager:
        account = (await changes.register(manager, pebble.directory_url, "work")).account
        await manager.accounts.keep_next_key(account, AccountKey.generate())
        after = await changes.roll_over(manager, "work", "ES384")
        assert after.key.algorithm == "ES384"
        assert (await changes.ask(manager.clients, after)).status == "valid"


async def test_a_kind_of_key_that_the_ca_refuses_leaves_the_old_key_alone(
    home: Home, pebble: Pebble
) -> None:
    async with open_manager(home, run_for(pebble)) as manager:
        before = (await changes.register(manager, pebble.directory_url, "work")).account
        with pytest.raises(AcmeError, match="badSignatureAlgorithm"):
            await changes.roll_over(manager, "work", "EdDSA")
        after = await manager.accounts.get("work")
        assert after.next_key is None
        assert after.key.thumbprint == before.key.thumbprint
        assert (await changes.ask(manager.clients, after)).status == "valid"
