"""Completion in a shell, which click offers: commands without imports, and names of the home."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.credential_home import RFC2136
from tests.cli.inside import Inside
from tests.support.command import run_zoneproof
from zoneproof.acme import KNOWN
from zoneproof.manager import AccountTerms, Home, open_manager
from zoneproof.manager.accounts.store import new_account


def complete(home: Path, *words: str) -> list[str]:
    """Return what bash would offer after the words, the last of which is incomplete."""
    done = run_zoneproof(
        environment={
            "ZONEPROOF_HOME": str(home),
            "_ZONEPROOF_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("zoneproof", *words)),
            "COMP_CWORD": str(len(words)),
        },
        timeout=30,
    )
    assert (done.status, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.split()]


async def _add_account(home: Path) -> None:
    async with open_manager(Home(home)) as manager:
        account = new_account("work", "https://ca.example/dir", AccountTerms())
        await manager.accounts.add(account)


@pytest.fixture
def home(inside: Inside) -> Path:
    inside.good("add", "a.example", "--provider=manual")
    inside.good("add", "b.example", "--provider=manual")
    inside.good("credential", "add", "rfc2136", "--name=dns", *RFC2136, "--field=secret=c2Vj")
    asyncio.run(_add_account(inside.home))
    return inside.home


OF_CERTIFICATES = (
    ("deploy",),
    ("deploy", "run"),
    ("edit",),
    ("export",),
    ("history",),
    ("issue",),
    ("preview",),
    ("remove",),
    ("renew",),
    ("resume",),
    ("revoke",),
)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("re",), ["registration", "remove", "renew", "resume", "revoke"]),
        (("challenge", "ten"), ["tenant"]),
        (("show", ""), ["a.example", "b.example"]),
        *(((*command, "b"), ["b.example"]) for command in OF_CERTIFICATES),
        (("issue", "--credential", ""), ["dns"]),
        (("credential", "show", "d"), ["dns"]),
        (("account", "rollover", ""), ["work"]),
        (("edit", "a.example", "--fallback-account", "w"), ["work"]),
        (("issue", "a.example", "--ca", ""), ["work", *KNOWN]),
        (("issue", "a.example", "--ca", "letsencrypt-"), ["letsencrypt-staging"]),
        (("account", "register", "--ca", "z"), ["zerossl"]),
        (("challenge", "init", "--ca", "z"), ["zerossl"]),
        (("doctor", "--ca", "z"), ["zerossl"]),
        (("help", "acc"), ["account"]),
        (("help", "account", "rol"), ["rollover"]),
        (("help", "issue", ""), []),
        (("provider", "show", "rf"), ["rfc2136"]),
        (("renew", "--for"), ["--force"]),
    ],
)
def test_commands_options_and_names_are_offered(
    home: Path, words: tuple[str, ...], offered: list[str]
) -> None:
    assert complete(home, *words) == offered


def test_no_vault_key_is_needed(home: Path) -> None:
    (home / "vault.key").unlink()
    assert complete(home, "account", "show", "") == ["work"]


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert complete(tmp_path / "home", "show", "") == []
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_read_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").write_text("no database at all, and long enough to be none")
    assert complete(tmp_path, "show", "") == []


def test_a_home_that_nothing_can_name_offers_nothing(tmp_path: Path) -> None:
    assert complete(Path(f"{tmp_path}/\udcff"), "renew", "") == []
