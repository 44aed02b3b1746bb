"""What is destroyed is asked for first: at a terminal by a question, elsewhere by ``--yes``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.credential_home import RFC2136
from tests.cli.inside import Inside
from tests.cli.terminal import run_at_terminal
from tests.support.challenge_service import Service, challenge_command, register, write_config
from zoneproof.core.names import DomainName
from zoneproof.manager import AccountTerms, Home, open_manager
from zoneproof.manager.accounts.store import new_account
from zoneproof.providers import Registration

KEEPS = {
    "account": ("account", "list", "--json"),
    "certificate": ("list", "--toml"),
    "credential": ("credential", "list", "--json"),
    "registration": ("registration", "list", "--json"),
}
DESTROYING = [
    ("account", ("account", "remove", "spare"), "Remove the account spare and its key for good?"),
    ("certificate", ("remove", "a.example"), "Stop managing a.example?"),
    (
        "certificate",
        ("remove", "A.Example.", "--delete-files"),
        "Stop managing a.example, and delete the certificate with all its keys?",
    ),
    ("credential", ("credential", "remove", "dns"), "Remove the credential dns and its secrets?"),
    ("registration", ("registration", "remove", "a.example"), "Remove the key of x.auth.example?"),
]


async def _fill(home: Path) -> None:
    async with open_manager(Home(home)) as manager:
        account = new_account("spare", "https://ca.example/dir", AccountTerms())
        await manager.accounts.add(account)
        target = DomainName("x.auth.example")
        one = Registration("https://auth.example", target, "x", "user", "password")
        await manager.registrations.put(DomainName("a.example"), one)


@pytest.fixture
def filled(inside: Inside) -> Inside:
    inside.good("add", "a.example", "--provider=manual")
    inside.good("credential", "add", "rfc2136", "--name=dns", *RFC2136, "--field=secret=c2VjcmV0")
    asyncio.run(_fill(inside.home))
    return inside


@pytest.mark.parametrize(("kind", "command", "question"), DESTROYING)
def test_without_a_terminal_nothing_is_destroyed_without_yes(
    filled: Inside, kind: str, command: tuple[str, ...], question: str
) -> None:
    before = filled.good(*KEEPS[kind])
    result = filled.run(*command)
    assert result.status == 2
    assert result.stderr.startswith(f"zoneproof: {question}")
    assert result.stderr.endswith("There is no terminal to ask at: add --yes to do it\n")
    assert filled.good(*KEEPS[kind]) == before
    filled.good(*command, "--yes", "--json")
    assert filled.good(*KEEPS[kind]) in ("[]\n", "")


@pytest.mark.parametrize(("kind", "command", "question"), DESTROYING[1:4])
def test_at_a_terminal_a_no_changes_nothing_and_a_yes_does_it(
    filled: Inside, kind: str, command: tuple[str, ...], question: str
) -> None:
    before = filled.good(*KEEPS[kind])
    environment = {"ZONEPROOF_HOME": str(filled.home)}
    said_no = run_at_terminal(command, [(f"{question} [y/N]: ", "n")], environment)
    assert said_no.status == 1
    assert said_no.stdout.splitlines()[-1] == "zoneproof: nothing was changed"
    assert filled.good(*KEEPS[kind]) == before
    said_yes = run_at_terminal(command, [(f"{question} [y/N]: ", "y")], environment)
    assert said_yes.status == 0, said_yes.stdout
    assert filled.good(*KEEPS[kind]) in ("[]\n", "")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("account", "remove", "spore"), "no account 'spore'"),
        (("remove", "b.example"), "no managed certificate 'b.example'"),
        (("revoke", "b.example"), "no managed certificate 'b.example'"),
        (("credential", "remove", "dsn"), "no credential 'dsn'"),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_asked(
    filled: Inside, command: tuple[str, ...], said: str
) -> None:
    result = filled.run(*command)
    assert result.status == 2
    assert said in result.stderr
    assert "--yes" not in result.stderr


def test_what_would_be_refused_is_not_asked(filled: Inside) -> None:
    filled.good("add", "b.example", "--credential=dns")
    result = filled.run("credential", "remove", "dns")
    assert result.status == 2
    assert "is used by b.example" in result.stderr
    assert "--force" in result.stderr


def test_older_vault_keys_are_forgotten_after_a_yes(filled: Inside) -> None:
    filled.good("credential", "rotate-key")
    assert "add --yes" in filled.run("credential", "rotate-key", "--drop-old").stderr
    assert len((filled.home / "vault.key").read_text().split()) == 2
    filled.good("credential", "rotate-key", "--drop-old", "--yes")
    assert len((filled.home / "vault.key").read_text().split()) == 1


def test_the_service_s_things_are_asked_for_alike(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with Service(config) as service:
        made = register(service.url)
    assert challenge_command(config, "tenant", "create", "acme").status == 0
    key = challenge_command(config, "key", "create", "acme").stdout.strip()
    for command in (
        ("registration", "rotate", made.subdomain),
        ("registration", "delete", made.subdomain),
        ("key", "revoke", key[3:11]),
        ("tenant", "delete", "acme"),
    ):
        refused = challenge_command(config, *command)
        assert refused.status == 2
        assert "There is no terminal to ask at: add --yes" in refused.stderr
        done = challenge_command(config, *command, "--yes")
        assert done.status == 0, done.stderr
        assert done.stdout.count("\n") == 1
