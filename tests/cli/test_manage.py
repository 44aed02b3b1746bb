"""Managed certificates by the command line: defined, changed, listed, renewed, revoked, removed."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from tests.acme.pebble_client import revocation_of
from tests.cli.change_txt import change
from tests.cli.terminal import run_at_terminal
from tests.peers.knot import TSIG_SECRET
from tests.peers.pebble import renewal_window, set_renewal_info
from tests.world import Result, World, open_world, zone_text
from zoneproof.cli.run import tell_round

CHALLENGE = "_acme-challenge.example.com"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    zones = {"example.com": zone_text("example.com"), "example.net": zone_text("example.net")}
    with open_world(folder, zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    """The same servers for all tests, and a home of its own for each, whose settings name them."""
    world = World(tmp_path, servers.knot, servers.unbound, servers.pebble)
    world.write_settings()
    return world


def issue(world: World, *arguments: str) -> Result:
    """Issue with what the settings do not say."""
    result = world.run("issue", *world.rfc2136_options, *world.ca_options, *arguments)
    assert result.status == 0, result.stdout + result.stderr
    return result


def add(world: World, *arguments: str) -> Result:
    """Save a certificate; the account is at the test CA."""
    return world.run("add", *world.rfc2136_options, world.ca_options[0], *arguments)


def add_broken(world: World, *arguments: str) -> None:
    """Save a certificate whose provider is where no name server is."""
    options = [
        option.replace(f"port={world.knot.port}", f"port={world.pebble.port}")
        for option in world.rfc2136_options
    ]
    result = world.run("add", *options, world.ca_options[0], *arguments)
    assert result.status == 0, result.stderr


def facts(world: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(world.run("show", name, "--json").stdout)
    return found


def leaf(world: World, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((world.home / f"live/{name}/cert.pem").read_bytes())


# --- defining --------------------------------------------------------------------------------


def test_issue_saves_what_it_was_told_and_the_name_alone_does_it_again(world: World) -> None:
    issue(world, "example.com", "*.example.com")
    first = leaf(world, "example.com")
    again = world.run("issue", "example.com")
    assert again.status == 0, again.stderr
    second = leaf(world, "example.com")
    assert second.serial_number != first.serial_number
    names = second.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"example.com", "*.example.com"}


def test_secrets_go_to_a_credential_and_are_shown_nowhere(world: World) -> None:
    outputs = [issue(world, "example.com").stdout]
    for command in (["list"], ["show", "example.com"], ["history", "example.com"]):
        for more in ([], ["--json"]):
            result = world.run(*command, *more)
            assert result.status == 0
            outputs.append(result.stdout + result.stderr)
    assert not any(TSIG_SECRET in text for text in outputs)
    assert facts(world, "example.com")["definition"]["method"] == [
        {"credential": "example.com-rfc2136"}
    ]


def test_add_saves_without_obtaining_and_renew_obtains(world: World) -> None:
    assert add(world, "example.com").status == 0
    assert not (world.home / "live").exists()
    assert facts(world, "example.com")["status"] == "missing"
    result = world.run("renew", *world.ca_options[1:])
    assert result.status == 0, result.stderr
    assert "example.com: renewed (it is not there)" in result.stdout
    assert facts(world, "example.com")["status"] == "valid"


def test_edit_changes_what_is_said_and_tells_it(world: World) -> None:
    add(world, "example.com")
    result = world.run(
        "edit", "example.com", "--add-name=www.example.com", "--key-type=rsa2048", "--ttl=120"
    )
    assert result.status == 0, result.stderr
    assert "identifiers: example.com, www.example.com (was example.com)" in result.stdout
    assert "key_type: rsa2048" in result.stdout
    assert "next: zoneproof issue example.com" in result.stdout
    definition = facts(world, "example.com")["definition"]
    assert definition["method"] == [{"credential": "example.com-rfc2136", "ttl": 120}]
    world.run("edit", "example.com", "--remove-name=www.example.com")
    assert facts(world, "example.com")["definition"]["identifiers"] == ["example.com"]


def test_a_certificate_whose_names_were_changed_is_due(world: World) -> None:
    issue(world, "example.com")
    world.run("edit", "example.com", "--add-name=www.example.com")
    assert facts(world, "example.com")["status"] == "due"
    result = world.run("renew")
    assert "its names were changed" in result.stdout
    names = leaf(world, "example.com").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "www.example.com" in names.value.get_values_for_type(x509.DNSName)


def test_a_certificate_of_another_ca_than_the_defined_one_is_due(world: World) -> None:
    issue(world, "example.com")
    world.run("edit", "example.com", "--account=https://127.0.0.1:9/dir")
    shown = facts(world, "example.com")
    assert (shown["status"], shown["reason"]) == ("due", "its CA account was changed")


def test_methods_written_as_toml_share_the_names_by_their_rules(world: World) -> None:
    add(world, "example.com")
    result = world.run(
        "edit",
        "example.com",
        "--add-name=www.example.net",
        '--method=match="*.example.com", credential="example.com-rfc2136"',
        '--method=credential="example.com-rfc2136", ttl=5',
    )
    assert result.status == 0, result.stderr
    result = world.run("renew", *world.ca_options[1:])
    assert result.status == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "example.com"], "say how example.com is validated"),
        (["add", "exa mple.com", "--credential=x"], "exa mple.com"),
        (["add", "example.com", "--credential=x"], "no credential 'x'"),
        (["add", "example.com", "--provider=cloudflar"], "no provider 'cloudflar'"),
        (["add", "*.example.com", "--webroot=/srv"], "http-01 cannot validate"),
        (["add", "example.com", "--webroot=/srv", "--provider=manual"], "one way to validate"),
        (["add", "example.com", "--field=a=b"], "add --provider"),
        (["add", "example.com", "--method=nonsense"], "cannot be read"),
        (["add", "example.com", '--method=provider="manual"', "--ttl=5"], "--method says all"),
        (["add", "example.com", "--provider=manual", "--delegation=a"], "source:target"),
        (["add", "example.com", "--provider=manual", "--propagation=soon"], "propagation"),
        (["add", "example.com", "--provider=manual", "--resolver=here"], "here"),
        (["add", "a.example.com", "*.example.com", "--provider=manual"], "covered by"),
        (["add", "example.com", "--provider=manual", "--name=../x"], "cannot name a certificate"),
        (["edit", "nothing.example", "--ttl=1"], "no managed certificate 'nothing.example'"),
        (["show", "nothing.example"], "no managed certificate"),
        (["history", "nothing.example"], "nothing is known"),
        (["remove", "nothing.example"], "no managed certificate"),
        (["renew", "nothing.example"], "no managed certificate"),
        (["resume", "nothing.example"], "no managed certificate"),
        (["revoke", "nothing.example", "--yes"], "no managed certificate"),
    ],
)
def test_wrong_input_is_told_in_one_line_and_saves_nothing(
    world: World, arguments: list[str], words: str
) -> None:
    result = world.run(*arguments)
    assert result.status == 2, result.stdout
    assert words in result.stderr
    assert result.stderr.startswith("zoneproof: ")
    assert result.stderr.count("\n") == 1
    assert world.run("list", "--json").stdout.strip() == "[]"


def test_a_near_miss_of_a_name_is_suggested(world: World) -> None:
    add(world, "example.com")
    assert "did you mean 'example.com'?" in world.run("show", "exmaple.com").stderr
    assert "there is a certificate example.com already" in add(world, "example.com").stderr


def test_remove_forgets_the_definition_and_keeps_files_unless_told(world: World) -> None:
    issue(world, "example.com")
    assert world.run("remove", "example.com", "--yes").status == 0
    assert (world.home / "live/example.com/privkey.pem").exists()
    assert json.loads(world.run("list", "--json").stdout) == []
    assert "removed" in world.run("history", "example.com").stdout

    issue(world, "example.com")
    removed = world.run("remove", "Example.COM.", "--delete-files", "--yes", "--json")
    assert json.loads(removed.stdout) == {"removed": "example.com", "files_deleted": True}
    assert not (world.home / "live/example.com").exists()
    assert not (world.home / "archive/example.com").exists()


def test_wrong_settings_name_the_file(world: World) -> None:
    (world.home / "settings.toml").write_text("paralel = 3\n")
    result = world.run("list")
    assert result.status == 2
    assert "settings.toml" in result.stderr
    assert "paralel" in result.stderr


# --- keys and files --------------------------------------------------------------------------


def test_a_key_is_new_at_each_renewal_unless_it_is_to_be_kept(world: World) -> None:
    issue(world, "example.com", "--reuse-key")
    keys = [leaf(world, "example.com").public_key()]
    world.run("renew", "example.com", "--force")
    keys.append(leaf(world, "example.com").public_key())
    world.run("edit", "example.com", "--new-key")
    world.run("renew", "example.com", "--force")
    keys.append(leaf(world, "example.com").public_key())
    assert keys[0] == keys[1] != keys[2]


def test_the_kind_of_key_is_the_chosen_one(world: World) -> None:
    issue(world, "example.com", "--key-type=rsa3072")
    key = load_pem_private_key((world.home / "live/example.com/privkey.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 3072


def test_a_reused_key_of_another_kind_is_replaced(world: World) -> None:
    issue(world, "example.com", "--reuse-key")
    world.run("edit", "example.com", "--key-type=rsa2048")
    assert world.run("renew", "example.com", "--force").status == 0
    assert isinstance(leaf(world, "example.com").public_key(), rsa.RSAPublicKey)


def test_pkcs12_is_written_on_request_and_opens_with_its_password(world: World) -> None:
    (world.folder / "password").write_text("correct horse\n")
    issue(world, "example.com", f"--pkcs12-password=@{world.folder / 'password'}")
    bundle = world.home / "live/example.com/bundle.p12"
    assert stat.S_IMODE(bundle.resolve().stat().st_mode) == 0o600
    key, certificate, chain = pkcs12.load_key_and_certificates(
        bundle.read_bytes(), b"correct horse"
    )
    assert certificate == leaf(world, "example.com")
    assert key is not None
    assert len(chain) == 1
    world.run("renew", "--force")
    assert bundle.resolve().name == "bundle2.p12"


def test_files_deleted_or_exchanged_by_hand_make_a_certificate_due(world: World) -> None:
    issue(world, "example.com")
    issue(world, "www.example.com")
    (world.home / "live/example.com/fullchain.pem").unlink()
    key = world.home / "live/www.example.com/privkey.pem"
    key.unlink()
    key.write_bytes((world.home / "live/example.com/privkey.pem").read_bytes())
    listed = {one["name"]: one for one in json.loads(world.run("list", "--json").stdout)}
    assert listed["example.com"]["problem"].endswith("fullchain.pem is missing")
    assert "is not the key of" in listed["www.example.com"]["problem"]
    assert {one["status"] for one in listed.values()} == {"missing"}
    assert world.run("renew").status == 0
    assert facts(world, "example.com")["status"] == "valid"
    assert facts(world, "www.example.com")["problem"] == ""


# --- renewing --------------------------------------------------------------------------------


def test_renew_leaves_alone_what_is_not_due(world: World) -> None:
    issue(world, "example.com")
    before = leaf(world, "example.com").serial_number
    result = world.run("renew")
    assert result.status == 0
    assert "1 certificate: 1 not due" in result.stdout
    assert leaf(world, "example.com").serial_number == before


def test_the_ca_s_window_decides_and_what_is_replaced_is_told_to_it(world: World) -> None:
    issue(world, "example.com")
    past = datetime.now(UTC) - timedelta(hours=1)
    window = renewal_window(past - timedelta(hours=1), past, "https://ca.example/incident")
    pem = (world.home / "live/example.com/cert.pem").read_bytes()
    set_renewal_info(world.pebble, pem, window)
    result = world.run("renew")
    assert result.status == 0, result.stderr
    assert "example.com: renewed (the CA asks for it" in result.stdout
    assert "https://ca.example/incident" in result.stdout
    assert "1 not due" in world.run("renew").stdout


def test_the_ca_s_window_is_kept_across_runs(world: World) -> None:
    issue(world, "example.com")
    world.run("renew")
    chosen = facts(world, "example.com")["renew_at"]
    world.run("renew")
    assert facts(world, "example.com")["renew_at"] == chosen


def test_a_failure_is_remembered_backs_off_and_is_shown(world: World) -> None:
    add_broken(world, "example.com", "--name=broken")
    result = world.run("renew", *world.ca_options[1:])
    assert result.status == 1
    assert "broken: failed" in result.stderr
    shown = facts(world, "broken")
    assert shown["status"] == "failing"
    assert shown["failures"] == 1
    assert shown["last_error"]
    again = world.run("renew")
    assert again.status == 0
    assert "broken: not due (" in again.stdout
    assert "broken" in world.run("list", "--problems").stdout
    assert world.run("renew", "--force").status == 1
    assert facts(world, "broken")["failures"] == 2


def test_after_three_failures_another_account_serves(world: World) -> None:
    add(
        world,
        "example.com",
        "--account=https://127.0.0.1:9/dir",
        f"--fallback-account={world.pebble.directory_url}",
    )
    for _ in range(2):
        assert world.run("renew", "--force", *world.ca_options[1:]).status == 1
    result = world.run("renew", "--force", *world.ca_options[1:])
    assert result.status == 0, result.stderr
    assert "trying the next account" in result.stdout + result.stderr
    assert facts(world, "example.com")["status"] == "valid"


def test_a_certificate_that_is_not_to_be_renewed_is_left_alone(world: World) -> None:
    add(world, "example.com", "--no-renew")
    assert "no certificates are to be renewed" in world.run("renew").stdout
    assert facts(world, "example.com")["renew_at"] is None


def test_one_failing_certificate_does_not_hold_up_the_others(world: World) -> None:
    add_broken(world, "example.com")
    add(world, "www.example.com", "--credential=good")
    result = world.run("renew", *world.ca_options[1:], "--json")
    assert result.status == 1
    results = {
        event["certificate"]: event["result"]
        for event in result.events
        if event["event"] == "renewal"
    }
    assert results == {"example.com": "failed", "www.example.com": "renewed"}


def test_every_json_line_of_renew_names_its_certificate(world: World) -> None:
    add(world, "example.com")
    add(world, "www.example.com")
    result = world.run("renew", *world.ca_options[1:], "--json")
    assert {event["certificate"] for event in result.events} == {"example.com", "www.example.com"}
    assert all(event["event"] for event in result.events)


def test_manual_records_are_awaited_and_resume_goes_on_with_the_same_order(world: World) -> None:
    world.run("add", "example.com", "--provider=manual", world.ca_options[0])
    result = world.run("renew", *world.ca_options[1:])
    assert result.status == 3
    shown = facts(world, "example.com")
    assert shown["status"] == "awaiting user"
    (record,) = shown["awaiting"]
    assert record in result.stdout
    assert "example.com: awaiting user (create this TXT record" in result.stderr
    assert "create" in world.run("list").stdout

    value = record.rsplit('"', 2)[1]
    change(world.knot.port, CHALLENGE, value)
    resumed = world.run("resume", "example.com", "--json")
    assert resumed.status == 0, resumed.stdout
    assert "order_resumed" in resumed.event_names
    assert facts(world, "example.com")["status"] == "valid"
    change(world.knot.port, CHALLENGE, value, remove=True)
    assert "waits for nothing" in world.run("resume", "example.com").stderr


def test_the_same_records_are_awaited_once_in_whatever_order_the_ca_tells_them(
    world: World,
) -> None:
    names = ("example.com", "*.example.com", "www.example.net", "example.net")
    world.run("add", *names, "--provider=manual", world.ca_options[0])
    for _ in range(3):
        assert world.run("renew", *world.ca_options[1:]).status == 3
    awaited = facts(world, "example.com")["awaiting"]
    assert awaited == sorted(awaited)
    assert len(awaited) == len(names)
    assert world.run("history", "example.com").stdout.count("awaiting-user") == 1


def test_resume_asks_for_agreement_to_the_terms_as_issue_does(world: World) -> None:
    world.run("add", "example.com", "--provider=manual", world.ca_options[0])
    assert world.run("renew", *world.ca_options[1:]).status == 3
    (account,) = json.loads(world.run("account", "list", "--json").stdout)
    world.run("account", "remove", account["name"], "--force", "--yes")
    bundle = world.ca_options[1]
    refused = world.run("resume", "example.com", bundle)
    assert refused.status == 1
    assert "read them, then add --agree-tos" in refused.stderr
    asked = run_at_terminal(
        ["resume", "example.com", bundle],
        [("do you agree to them? [y/N]: ", "y")],
        {"ZONEPROOF_HOME": str(world.home)},
    )
    assert asked.status == 3, asked.stdout
    assert "terms of service: data:text/plain" in asked.stdout


def test_a_reader_that_leaves_stops_no_work(world: World) -> None:
    issue(world, "example.com")
    before = facts(world, "example.com")["serial"]
    with subprocess.Popen(
        world.command("renew", "--force", "example.com"),
        env=world.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
    assert facts(world, "example.com")["serial"] != before
    kinds = [
        one["kind"] for one in json.loads(world.run("history", "example.com", "--json").stdout)
    ]
    assert kinds == ["issued", "issued"]


def test_names_that_change_what_is_saved_are_told(world: World) -> None:
    issue(world, "example.com", "*.example.com")
    told = world.issue("*.example.com", "--name=example.com").event("warning")["message"]
    assert "identifiers: *.example.com (was example.com, *.example.com)" in told


# --- the daemon ------------------------------------------------------------------------------


def test_the_daemon_renews_and_ends_at_sigterm_and_there_is_only_one(world: World) -> None:
    issue(world, "www.example.com")  # which registers the account
    add(world, "example.com")
    with subprocess.Popen(
        world.command("run", "--json"),
        env=world.environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if json.loads(line)["event"] == "round":
                    break
            second = world.run("run")
            assert second.status == 1
            assert f"process {process.pid}" in second.stderr
        finally:
            process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(30) == 130
    assert facts(world, "example.com")["status"] == "valid"


def test_the_daemon_says_when_it_looks_again(capsys: pytest.CaptureFixture[str]) -> None:
    tell_round([], datetime(2026, 11, 25, 19, 17, 30, tzinfo=UTC), as_json=False)
    assert capsys.readouterr().out == "looked at 0 certificates; again at 2026-11-25 19:17 UTC\n"


# --- revoking --------------------------------------------------------------------------------


def test_a_revoked_certificate_is_known_to_the_ca_and_replaced_by_the_next_renewal(
    world: World,
) -> None:
    issue(world, "example.com")
    certificate = leaf(world, "example.com")
    result = world.run("revoke", "example.com", "--reason=key-compromise", "--yes")
    assert result.status == 0, result.stderr
    assert revocation_of(world.pebble, certificate)["Status"] == "Revoked"
    assert "revoked" in world.run("history", "example.com").stdout
    assert (world.home / "live/example.com/fullchain.pem").exists()
    assert json.loads(world.run("list", "--json").stdout)[0]["status"] == "revoked"
    assert world.run("renew").status == 0
    assert leaf(world, "example.com").serial_number != certificate.serial_number
    assert json.loads(world.run("list", "--json").stdout)[0]["status"] == "valid"


def test_the_key_of_a_revoked_certificate_is_not_used_again(world: World) -> None:
    issue(world, "example.com", "--reuse-key")
    key = leaf(world, "example.com").public_key()
    assert world.run("renew", "--force").status == 0
    assert leaf(world, "example.com").public_key() == key
    assert world.run("edit", "example.com", "--no-renew").status == 0
    revoked = world.run("revoke", "example.com", "--reason=key-compromise", "--yes")
    assert "'zoneproof issue example.com' obtains another" in revoked.stdout
    assert world.run("issue", "example.com").status == 0
    renewed = leaf(world, "example.com").public_key()
    assert renewed != key
    assert world.run("renew", "example.com", "--force").status == 0
    assert leaf(world, "example.com").public_key() == renewed


def test_without_its_account_a_certificate_is_revoked_with_its_own_key(world: World) -> None:
    issue(world, "example.com")
    certificate = leaf(world, "example.com")
    (account,) = json.loads(world.run("account", "list", "--json").stdout)
    world.run("account", "remove", account["name"], "--force", "--yes")
    roots = {"SSL_CERT_FILE": str(world.pebble.ca_bundle)}
    result = world.run("revoke", "example.com", "--yes", environment=roots)
    assert result.status == 0, result.stderr
    assert revocation_of(world.pebble, certificate)["Status"] == "Revoked"
    assert json.loads(world.run("account", "list", "--json").stdout) == []
