"""A vault key that is lost for good: commands say how to store each secret anew."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from msgspec.structs import replace

from tests.cli.inside import Inside
from tests.support.full_home import issued
from zoneproof.core.names import DomainName
from zoneproof.manager import AccountTerms, Home, Manager, open_manager
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.certificates.versions import FileForm
from zoneproof.providers import Registration

FIELDS = ("--field=server=192.0.2.1", "--field=key_name=k", "--field=secret=c2VjcmV0")
KEY_FILES = ("vault.key", "vault.key-id")
SERVER = "https://dns.example"


@pytest.fixture
def home(inside: Inside) -> Inside:
    """A home with secrets of all kinds, whose key is lost and given up."""
    inside.good("credential", "add", "rfc2136", "--name=dns", "--no-test", *FIELDS)
    inside.good("add", "example.com", "--credential=dns")
    asyncio.run(in_home(inside.home))
    inside.good("edit", "example.com", "--account=work")
    for name in KEY_FILES:
        (inside.home / name).unlink()
    return inside


async def in_home(path: Path) -> None:
    async with open_manager(Home(path)) as manager:
        await store(manager)


async def store(manager: Manager) -> None:
    account = new_account("work", "https://ca.example/dir", AccountTerms())
    await manager.accounts.add(account)
    await manager.accounts.confirm(account, "https://ca.example/account/1")
    registration = Registration(SERVER, DomainName("x.dns.example"), "x", "u", "pass")
    await manager.registrations.put(DomainName("example.com"), registration)
    bundled = replace((await manager.certificates.get("example.com")).definition, pkcs12=True)
    await manager.certificates.save(bundled)
    await manager.certificates.set_pkcs12_password("example.com", "pkcs")
    manager.files.write("example.com", issued("example.com"), FileForm(pkcs12_password=b"pkcs"))


def test_a_credential_is_set_anew_with_all_its_fields(home: Inside) -> None:
    said = home.run("credential", "show", "dns").stderr
    assert "the credential dns cannot be opened: the vault key" in said
    assert "'zoneproof credential set dns' with all its fields" in said
    assert "credentials|" not in said
    some = home.run("credential", "set", "dns", *FIELDS[1:])
    assert some.status == 1
    assert "add --field server=..." in some.stderr
    done = home.run("credential", "set", "dns", *FIELDS)
    assert done.status == 0
    assert "what dns held is lost: it has only the fields given" in done.stderr
    shown = json.loads(home.good("credential", "show", "dns", "--json"))
    assert shown["fields"]["server"] == "192.0.2.1"
    assert shown["used_by"] == ["example.com"]
    later = home.run("credential", "set", "dns", "--field=key_name=other")
    assert (later.status, later.stderr) == (0, "")


def test_an_account_is_listed_shown_and_removed(home: Inside) -> None:
    assert "cannot be opened" in home.good("account", "list")
    (listed,) = json.loads(home.good("account", "list", "--json"))
    assert (listed["name"], listed["key_type"]) == ("work", "")
    assert "cannot be opened" in home.good("account", "show", "work", "--offline")
    said = home.run("account", "export", "work", f"--output={home.home}/out").stderr
    assert "the key of the account work cannot be opened: the vault key" in said
    assert "'zoneproof account remove work --force'" in said
    assert "accounts|" not in said
    home.good("account", "remove", "work", "--force", "--yes")
    assert json.loads(home.good("account", "list", "--json")) == []


def test_a_registration_is_listed_and_removed(home: Inside) -> None:
    assert "x.dns.example" in home.good("registration", "list")
    said = home.run("registration", "export", f"--output={home.home}/out").stderr
    assert "the password of the registration x.dns.example cannot be opened" in said
    home.good("registration", "remove", "example.com", "--yes")


def test_at_last_the_new_key_opens_everything(home: Inside) -> None:
    home.good("credential", "set", "dns", *FIELDS)
    refused = home.run("credential", "rotate-key")
    assert refused.status == 1
    assert "a stored secret was sealed with the vault key" in refused.stderr
    home.good("edit", "example.com", "--pkcs12-password=another")
    bundle = home.home / "live/example.com/bundle.p12"
    assert pkcs12.load_pkcs12(bundle.read_bytes(), b"another").key
    home.good("account", "remove", "work", "--force", "--yes")
    home.good("registration", "remove", "example.com", "--yes")
    home.good("credential", "rotate-key")


@pytest.mark.parametrize("how", ["edit --no-pkcs12", "edit --pkcs12-password=", "apply", "issue"])
def test_a_password_that_cannot_be_opened_is_in_no_ones_way(home: Inside, how: str) -> None:
    home.good("credential", "set", "dns", *FIELDS)
    bundle = home.home / "live/example.com/bundle.p12"
    if how == "apply":
        file = home.home / "certs.toml"
        file.write_text(home.good("list", "--toml").replace("pkcs12 = true\n", ""))
        home.good("apply", "-f", str(file))
    elif how == "issue":
        home.run("issue", "example.com", "--pkcs12-password=another")  # the account cannot be used
        assert pkcs12.load_pkcs12(bundle.read_bytes(), b"another").key
    else:
        command, option = how.split()
        home.good(command, "example.com", option)
    assert bundle.exists() == (how not in ("apply", "edit --no-pkcs12"))
    home.good("account", "remove", "work", "--force", "--yes")
    home.good("registration", "remove", "example.com", "--yes")
    home.good("credential", "rotate-key")


def test_a_bundle_whose_password_is_lost_comes_back_if_another_cannot_be_saved(
    home: Inside,
) -> None:
    home.good("credential", "set", "dns", *FIELDS)
    bundle = home.home / "live/example.com/bundle.p12"
    before = bundle.read_bytes()
    (home.home / "archive/example.com/combined1.pem").mkdir()
    failed = home.run("edit", "example.com", "--pkcs12-password=another", "--combined")
    assert "cannot change the files of example.com" in failed.stderr
    assert bundle.read_bytes() == before


def test_an_account_needs_no_key_to_be_listed_and_removed_before_it_is_given_up(
    inside: Inside,
) -> None:
    asyncio.run(_account_alone(inside.home))
    (inside.home / "vault.key").unlink()
    assert "work" in inside.good("account", "list")
    inside.good("account", "remove", "work", "--yes")


async def _account_alone(path: Path) -> None:
    async with open_manager(Home(path)) as manager:
        await manager.accounts.add(new_account("work", "https://ca.example/dir", AccountTerms()))
