"""``zoneproof account`` against Pebble: nothing that it prints is secret."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acme.conftest import MAC_KEY
from tests.cli.account_machine import Machine, check_nothing_secret
from tests.cli.terminal import run_at_terminal
from zoneproof.testing.pebble import Pebble

EAB = ["--eab-kid=kid-1", "--eab-hmac-key=env:HMAC"]


@pytest.fixture(scope="module")
def open_pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    config = {"caaIdentities": ["ca.example", "ca.example.net"]}
    with Pebble(tmp_path_factory.mktemp("pebble"), strict=True, config=config) as server:
        yield server


@pytest.fixture(scope="module")
def binding_pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    config = {
        "externalAccountBindingRequired": True,
        "externalAccountMACKeys": {"kid-1": MAC_KEY},
    }
    with Pebble(tmp_path_factory.mktemp("pebble"), strict=True, config=config) as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path, open_pebble: Pebble) -> Iterator[Machine]:
    made = Machine(tmp_path / "home", open_pebble)
    yield made
    check_nothing_secret(made)


@pytest.fixture
def bound(tmp_path: Path, binding_pebble: Pebble) -> Iterator[Machine]:
    """A home whose CA wants an external account binding."""
    made = Machine(tmp_path / "home", binding_pebble)
    yield made
    check_nothing_secret(made)


# --- registering -----------------------------------------------------------------------------


def test_terms_of_service_are_shown_and_not_agreed_to_by_default(machine: Machine) -> None:
    result = machine.run("register", *machine.ca)
    assert result.status == 1
    assert "terms of service" in result.stderr
    assert "data:text/plain" in result.stderr
    assert "--agree-tos" in result.stderr
    assert machine.facts("list") == []


@pytest.mark.parametrize(("answer", "registered"), [("y", True), ("n", False)])
def test_a_person_is_asked_to_agree(machine: Machine, answer: str, registered: bool) -> None:
    result = run_at_terminal(
        ["account", "register", *machine.ca],
        [("do you agree to them? [y/N]: ", answer)],
        machine.environment,
    )
    assert "terms of service: data:text/plain" in result.stdout
    assert (result.status == 0) is registered
    assert [one["registered"] for one in machine.facts("list")] == ([True] if registered else [])


def test_what_is_registered_is_told_and_kept(machine: Machine) -> None:
    first = machine.register("work", "--email=a@example.com", "--key-type=es384")
    assert first["new"]
    assert first["contact"] == ["mailto:a@example.com"]
    assert first["key_type"] == "es384"
    again = machine.run("register", *machine.ca, "--name=work", "--email=b@example.com")
    assert again.status == 0
    assert "was already registered" in again.stdout
    assert first["account_url"] in again.stdout


def test_an_account_has_its_cas_name_unless_it_is_given_another(machine: Machine) -> None:
    first = machine.facts("register", *machine.ca, "--agree-tos")
    assert first["name"] == machine.pebble.directory_url
    second = machine.register("second")
    assert second["account_url"] != first["account_url"]
    listed = machine.ok("list")
    assert first["account_url"] in listed
    assert second["account_url"] in listed


def test_the_ca_is_that_of_the_settings_unless_said(machine: Machine) -> None:
    machine.home.create()
    (machine.home.path / "settings.toml").write_text(f'account = "{machine.pebble.directory_url}"')
    bundle = f"--ca-bundle={machine.pebble.ca_bundle}"
    made = machine.facts("register", bundle, "--agree-tos")
    assert made["ca"] == machine.pebble.directory_url


def test_nothing_is_stored_for_what_is_no_ca(machine: Machine) -> None:
    url = f"{machine.pebble.directory_url}-not"
    bundle = f"--ca-bundle={machine.pebble.ca_bundle}"
    assert machine.run("register", f"--ca={url}", bundle, "--agree-tos").status == 1
    assert machine.facts("list") == []


def test_a_kind_of_key_that_the_ca_refuses_can_be_changed(machine: Machine) -> None:
    arguments = ["register", *machine.ca, "--agree-tos"]
    refused = machine.run(*arguments, "--key-type=eddsa")
    assert refused.status == 1
    assert "badSignatureAlgorithm" in refused.stderr
    assert machine.facts(*arguments)["key_type"] == "es256"


def test_a_name_is_for_one_ca(machine: Machine, binding_pebble: Pebble) -> None:
    machine.register()
    other = f"--ca={binding_pebble.directory_url}"
    result = machine.run("register", other, "--name=work", "--agree-tos")
    assert result.status == 2
    assert "another --name" in result.stderr


def test_an_account_is_bound(bound: Machine) -> None:
    missing = bound.run("register", *bound.ca, "--name=work", "--agree-tos")
    assert missing.status == 2
    assert "external account binding" in missing.stderr
    assert "with --eab-kid and --eab-hmac-key" in missing.stderr
    other = bound.run("register", *bound.ca, "--name=work", "--agree-tos", "--eab-kid=x", EAB[1])
    assert other.status == 1
    assert "refused" in other.stderr
    assert bound.register("work", *EAB)["registered"]


def test_a_binding_whose_reply_was_lost_is_not_needed_again(bound: Machine) -> None:
    arguments = ["register", *bound.ca, "--name=work"]
    killed = bound.crash("before:confirm", *arguments, "--agree-tos", *EAB)
    assert killed.status == -signal.SIGKILL
    assert bound.facts("list")[0]["registered"] is False
    assert bound.facts(*arguments)["registered"]


# --- looking and changing ----------------------------------------------------------------------


def test_an_account_is_shown_with_its_status_and_its_certificates(machine: Machine) -> None:
    made = machine.register("work", "--email=a@example.com")
    machine.use_for("example.com", "work")
    shown = machine.facts("show", "work")
    assert shown["status"] == "valid"
    assert shown["used_by"] == ["example.com"]
    assert shown["account_url"] == made["account_url"]
    assert "example.com" in machine.ok("show", "work")
    assert machine.facts("show", "work", "--offline")["status"] == ""


def test_an_account_is_shown_although_the_ca_does_not_answer(
    tmp_path: Path, machine: Machine
) -> None:
    with Pebble(tmp_path / "short-lived", strict=True) as pebble:
        machine.pebble = pebble
        machine.register()
        pebble.stop()
        pebble.start()
        shown = machine.facts("show", "work")
        assert "no longer knows" in shown["problem"]
        assert shown["registered"] is False
        assert machine.register()["new"]


def test_contacts_are_replaced(machine: Machine) -> None:
    machine.register("work", "--email=a@example.com")
    wanted = ["mailto:b@example.com", "mailto:c@example.com"]
    changed = machine.facts("update", "work", "--email=b@example.com", "--email=c@example.com")
    assert changed["contact"] == wanted
    assert machine.facts("show", "work", "--offline")["contact"] == wanted


def test_contact_that_the_ca_refuses_stays_as_it_was(machine: Machine) -> None:
    machine.register("work", "--email=a@example.com")
    assert machine.run("update", "work", "--email=a?b@example.com").status == 1
    assert machine.facts("show", "work", "--offline")["contact"] == ["mailto:a@example.com"]


def test_contact_that_is_no_address_is_refused_before_the_ca_hears_of_it(machine: Machine) -> None:
    for command in (("update", "work"), ("register",)):
        result = machine.run(*command, "--email=nobody")
        assert result.status == 2
        assert "Invalid value for '--email': 'nobody' is not an e-mail address" in result.stderr


def test_an_account_that_is_not_there_is_told(machine: Machine) -> None:
    result = machine.run("show", "wrok")
    assert result.status == 2
    assert "no account 'wrok'" in result.stderr


def test_an_account_in_use_is_only_forgotten_by_force(machine: Machine) -> None:
    machine.register()
    machine.use_for("example.com", "work")
    refused = machine.run("remove", "work")
    assert refused.status == 2
    assert "example.com" in refused.stderr
    assert "example.com" in machine.run("remove", "work", "--force", "--yes").stderr
    assert machine.facts("list") == []


def test_an_account_is_closed_after_a_yes(machine: Machine) -> None:
    machine.register()
    machine.use_for("example.com", "work")
    machine.ok("export", "work", f"--output={machine.home.path}/copy")
    refused = machine.run("deactivate", "work")
    assert refused.status == 2
    assert "these certificates use work: example.com" in refused.stderr
    assert machine.facts("list")
    assert machine.run("deactivate", "work", "--yes").status == 0
    assert machine.facts("list") == []
    bundle = f"--ca-bundle={machine.pebble.ca_bundle}"
    closed = machine.run("import", "work", f"--from={machine.home.path}/copy", bundle)
    assert closed.status == 1
    assert machine.facts("list") == []


def test_an_account_that_the_ca_does_not_close_stays(machine: Machine) -> None:
    machine.register()
    copy = f"{machine.home.path}/copy"
    machine.ok("export", "work", f"--output={copy}")
    other = Machine(machine.home.path / "other", machine.pebble)
    bundle = f"--ca-bundle={machine.pebble.ca_bundle}"
    other.ok("import", f"--from={copy}", bundle)
    other.ok("deactivate", "work", "--yes")
    result = machine.run("deactivate", "work", "--yes")
    assert result.status == 1
    assert "'zoneproof account remove work' only removes it here" in result.stderr
    assert machine.facts("list")


# --- CAA ---------------------------------------------------------------------------------------


def test_caa_records_bind_issuance_to_the_settings_account(machine: Machine) -> None:
    machine.home.create()
    (machine.home.path / "settings.toml").write_text('account = "work"')
    url = machine.register()["account_url"]
    value = f'"ca.example; accounturi={url}; validationmethods=dns-01"'
    records = [
        f"example.com. IN CAA 0 issue {value}",
        f"example.com. IN CAA 0 issuewild {value}",
    ]
    assert machine.ok("caa", "example.com", "*.example.com").splitlines() == records
    document = machine.facts("caa", "EXAMPLE.com", "--account=work")
    assert document["records"] == records
    assert document["issuer"] == "ca.example"


def test_caa_records_need_a_domain_and_a_registered_account(machine: Machine) -> None:
    machine.register("work")
    with closing(sqlite3.connect(machine.home.path / "state.sqlite3")) as database:
        database.execute("UPDATE accounts SET account_url = ''")
        database.commit()
    unregistered = machine.run("caa", "example.com", "--account=work")
    assert unregistered.status == 2
    assert "not registered yet" in unregistered.stderr
    machine.register()
    assert machine.run("caa", "192.0.2.1", "--account=work").status == 2
