"""Where certificates are tested, and what a new account there needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from zoneproof.core.errors import InvalidInputError
from zoneproof.manager import (
    AccountTerms,
    CertificateDefinition,
    Home,
    Manager,
    find_staging,
    open_manager,
)
from zoneproof.manager.accounts.store import new_account

LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    async with open_manager(Home(tmp_path)) as manager:
        yield manager


def definition(account: str) -> CertificateDefinition:
    return CertificateDefinition(name="a.example", identifiers=("a.example",), account=account)


@pytest.mark.parametrize(
    ("account", "staging"),
    [
        ("", "letsencrypt-staging"),
        ("letsencrypt", "letsencrypt-staging"),
        (LETSENCRYPT, "letsencrypt-staging"),
        ("letsencrypt-staging", "letsencrypt-staging"),
        ("google", "google-staging"),
        ("zerossl", ""),
        ("https://ca.example/dir", ""),
    ],
)
async def test_a_ca_is_tested_at_its_own_staging(
    manager: Manager, account: str, staging: str
) -> None:
    found = await find_staging(manager, definition(account))
    assert found.account == staging
    assert not found.terms.agree_to_terms


async def test_an_account_that_is_stored_is_tested_where_its_ca_is(manager: Manager) -> None:
    terms = AccountTerms(email="ops@example.com")
    await manager.accounts.add(new_account("work", LETSENCRYPT, terms))
    found = await find_staging(manager, definition("work"))
    assert (found.account, found.terms.agree_to_terms) == ("letsencrypt-staging", False)


async def test_agreement_to_a_ca_s_terms_holds_for_its_staging(manager: Manager) -> None:
    account = new_account("work", LETSENCRYPT, AccountTerms(email="ops@example.com"))
    await manager.accounts.add(account)
    await manager.accounts.confirm(account, "https://acme-v02.api.letsencrypt.org/acme/acct/1")
    found = await find_staging(manager, definition("work"))
    assert (found.terms.agree_to_terms, found.terms.email) == (True, "ops@example.com")


async def test_an_account_at_staging_is_its_own_test(manager: Manager) -> None:
    url = "https://acme-staging-v02.api.letsencrypt.org/directory"
    await manager.accounts.add(new_account("tests", url, AccountTerms()))
    assert (await find_staging(manager, definition("tests"))).account == "tests"


async def test_the_settings_name_one_for_all(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('staging_account = "letsencrypt-staging"\n')
    async with open_manager(Home(tmp_path)) as manager:
        assert (await find_staging(manager, definition("zerossl"))).account == "letsencrypt-staging"


async def test_what_is_no_ca_is_refused(manager: Manager) -> None:
    with pytest.raises(InvalidInputError, match="there is no account 'letsencrpyt'"):
        await find_staging(manager, definition("letsencrpyt"))
