"""``zoneproof account``: keys changed safely, taken from other clients, shared with machines."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.cli.account_machine import ZONEPROOF, Machine, check_nothing_secret
from zoneproof.acme import AccountKey, AcmeClient
from zoneproof.testing.pebble import Pebble


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with Pebble(tmp_path_factory.mktemp("pebble"), strict=True) as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path, pebble: Pebble) -> Iterator[Machine]:
    made = Machine(tmp_path / "home", pebble)
    yield made
    check_nothing_secret(made)


# --- rollover ----------------------------------------------------------------------------------


def test_an_account_gets_a_new_key(machine: Machine) -> None:
    machine.register()
    old = machine.stored_keys()
    assert machine.facts("rollover", "work", "--key-type=rs256")["key_type"] == "rs256"
    assert machine.facts("rollover", "work")["key_type"] == "rs256"
    assert machine.stored_keys()[0].thumbprint != old[0].thumbprint
    assert machine.facts("show", "work")["status"] == "valid"


@pytest.mark.parametrize("moment", ["after:keep_next_key", "before:end_rollover"])
@pytest.mark.parametrize("next_use", ["show", "rollover"])
def test_a_rollover_that_is_killed_loses_nothing(
    machine: Machine, moment: str, next_use: str
) -> None:
    machine.register()
    killed = machine.crash(moment, "rollover", "work")
    assert killed.status == -signal.SIGKILL
    old, new = machine.stored_keys()
    machine.ok(next_use, "work")
    the_ca_had_it = moment == "before:end_rollover"
    if next_use == "rollover" or the_ca_had_it:
        assert [key.thumbprint for key in machine.stored_keys()] == [new.thumbprint]
    else:
        assert machine.stored_keys()[0].thumbprint == old.thumbprint
    assert machine.facts("show", "work")["status"] == "valid"


# --- keys of other clients and machines --------------------------------------------------------


def registered_key(pebble: Pebble, key: AccountKey) -> str:
    """Register the key with another client than the command, and return the account's URL."""

    async def register() -> str:
        async with AcmeClient(pebble.directory_url, key, ca_bundle=pebble.ca_bundle) as client:
            made = await client.register(["mailto:old@example.com"], agree_to_terms=True)
        return made.url

    return asyncio.run(register())


def as_jwk(key: AccountKey) -> bytes:
    """The key as certbot's private_key.json has it (josepy's JWK of an RSA key)."""
    loaded = load_pem_private_key(key.to_pem(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    numbers = loaded.private_numbers()
    parts = {name: getattr(numbers, name) for name in ("d", "p", "q")}
    parts |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    return msgspec.json.encode({**key.jwk, **{name: _b64(one) for name, one in parts.items()}})


def _b64(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def traditional(key: AccountKey) -> bytes:
    """The key as lego (SEC 1) and acme.sh (PKCS #1) write it."""
    loaded = load_pem_private_key(key.to_pem(), None)
    return loaded.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@pytest.mark.parametrize(
    ("kind", "form"), [("RS256", as_jwk), ("ES384", traditional), ("RS256", traditional)]
)
def test_a_key_of_another_client_is_taken_over(
    machine: Machine, tmp_path: Path, kind: Any, form: Any
) -> None:
    key = AccountKey.generate(kind)
    url = registered_key(machine.pebble, key)
    (tmp_path / "key").write_bytes(form(key))
    arguments = ["import", "old", *machine.ca, f"--key={tmp_path / 'key'}"]
    imported = machine.facts(*arguments)
    assert imported["new"]
    assert imported["account_url"] == url
    assert imported["contact"] == ["mailto:old@example.com"]
    assert machine.facts("show", "old")["status"] == "valid"
    assert not machine.facts(*arguments)["new"]
    assert machine.run("import", "twice", *arguments[2:]).status == 2


def test_a_key_that_the_ca_does_not_know_is_told_or_registered(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(AccountKey.generate().to_pem())
    arguments = ["import", "old", *machine.ca, f"--key={tmp_path / 'key'}"]
    unknown = machine.run(*arguments)
    assert unknown.status == 1
    assert "knows no account with this key" in unknown.stderr
    assert machine.facts("list") == []
    assert machine.facts(*arguments, "--register", "--agree-tos")["registered"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a PEM"),
        (b"{}", "not a private JSON Web Key"),
        (None, "cannot read"),
    ],
)
def test_a_file_that_holds_no_key_is_told(
    machine: Machine, tmp_path: Path, content: bytes | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    result = machine.run("import", "old", *machine.ca, f"--key={tmp_path / 'key'}")
    assert result.status == 2
    assert told in result.stderr
    assert str(tmp_path / "key") in result.stderr


def test_an_account_is_shared_with_another_machine(machine: Machine, tmp_path: Path) -> None:
    made = machine.register("work", "--email=a@example.com")
    copy = tmp_path / "work.json"
    assert machine.facts("export", "work", f"--output={copy}")["file"] == str(copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    again = machine.run("export", "work", f"--output={copy}")
    assert again.status == 2
    assert "already exists" in again.stderr

    other = Machine(tmp_path / "other", machine.pebble)
    imported = other.facts("import", f"--from={copy}", f"--ca-bundle={machine.pebble.ca_bundle}")
    for name in ("name", "account_url", "contact", "key_type"):
        assert imported[name] == made[name]
    assert other.facts("show", "work")["status"] == "valid"
    check_nothing_secret(other)


def test_an_export_is_printed_only_when_asked_for(machine: Machine) -> None:
    machine.register()
    done = subprocess.run(
        [*ZONEPROOF, "account", "export", "work", "--output=-"],
        env=machine.environment,
        capture_output=True,
        check=True,
        timeout=60,
    )
    key = AccountKey.from_pem(json.loads(done.stdout)["private_key"].encode())
    assert key.thumbprint == machine.stored_keys()[0].thumbprint


def test_an_account_whose_rollover_was_cut_off_is_not_shared(machine: Machine) -> None:
    machine.register()
    machine.crash("after:keep_next_key", "rollover", "work")
    result = machine.run("export", "work", f"--output={machine.home.path}/copy")
    assert result.status == 2
    assert "'zoneproof account rollover work' finishes it" in result.stderr


def test_the_ca_may_be_said_as_a_directory(machine: Machine, tmp_path: Path) -> None:
    directory = f"--directory={machine.pebble.directory_url}"
    bundle = f"--ca-bundle={machine.pebble.ca_bundle}"
    made = machine.facts("register", directory, bundle, "--name=work", "--agree-tos")
    assert made["directory_url"] == machine.pebble.directory_url
    (tmp_path / "key.pem").write_bytes(machine.stored_keys()[0].to_pem())
    machine.ok("remove", "work", "--yes")
    taken = machine.facts("import", "work", directory, f"--key={tmp_path / 'key.pem'}", bundle)
    assert taken["account_url"] == made["account_url"]


@pytest.mark.parametrize("content", ["", "{}", '{"format": "zoneproof-account-1"}', "\x00"])
def test_a_damaged_export_is_told(machine: Machine, tmp_path: Path, content: str) -> None:
    (tmp_path / "copy").write_text(content)
    result = machine.run("import", f"--from={tmp_path / 'copy'}")
    assert result.status == 2
    assert "is not a file of 'zoneproof account export'" in result.stderr
