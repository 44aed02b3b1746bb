"""Managed certificates by the command line: renewed, by the daemon too, and revoked."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.acme.pebble_client import revocation_of
from tests.cli.managing import CHALLENGE, add, add_broken, issue, leaf
from tests.cli.terminal import run_at_terminal
from tests.support.change_txt import change
from tests.support.peers.pebble import renewal_window, set_renewal_info
from tests.support.running_command import running_command
from tests.support.world import World
from zoneproof.cli.events import Telling
from zoneproof.cli.renew import tell_round

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
    *_, last = world.run("history", "example.com").stdout.splitlines()
    assert "(the CA asks for it" in last
    assert "1 not due" in world.run("renew").stdout


def test_the_ca_s_window_is_kept_across_runs(world: World) -> None:
    issue(world, "example.com")
    world.run("renew")
    chosen = world.shown("example.com")["renew_at"]
    world.run("renew")
    assert world.shown("example.com")["renew_at"] == chosen


def test_a_failure_is_remembered_backs_off_and_is_shown(world: World) -> None:
    add_broken(world, "example.com", "--name=broken")
    result = world.run("renew", *world.ca_options[1:])
    assert result.status == 1
    assert "broken: failed" in result.stderr
    shown = world.shown("broken")
    assert shown["status"] == "failing"
    assert shown["failures"] == 1
    told = f"there is no certificate yet; the last attempt failed: {shown['last_error']}"
    assert told in " ".join(world.good("show", "broken").split())
    again = world.run("renew")
    assert again.status == 0
    assert "broken: not due (" in again.stdout
    assert "broken" in world.run("list", "--problems").stdout
    assert world.run("renew", "--force").status == 1
    assert world.shown("broken")["failures"] == 2


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
    assert world.shown("example.com")["status"] == "valid"


def test_a_certificate_that_is_not_to_be_renewed_is_left_alone(world: World) -> None:
    add(world, "example.com", "--no-renew")
    assert "no certificates to renew" in world.run("renew").stdout
    assert world.shown("example.com")["renew_at"] is None


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
    shown = world.shown("example.com")
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
    assert world.shown("example.com")["status"] == "valid"
    change(world.knot.port, CHALLENGE, value, remove=True)
    assert "is not waiting for anything" in world.run("resume", "example.com").stderr


def test_the_same_records_are_awaited_once_in_whatever_order_the_ca_tells_them(
    world: World,
) -> None:
    names = ("example.com", "*.example.com", "www.example.net", "example.net")
    world.run("add", *names, "--provider=manual", world.ca_options[0])
    for _ in range(3):
        assert world.run("renew", *world.ca_options[1:]).status == 3
    awaited = world.shown("example.com")["awaiting"]
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
        [("do you agree to them? [y/N]: ", "y"), ("press Enter when it exists", "\x04")],
        {"ZONEPROOF_HOME": str(world.home)},
    )
    assert asked.status == 3, asked.stdout
    assert "terms of service: data:text/plain" in asked.stdout


def test_a_reader_that_leaves_stops_no_work(world: World) -> None:
    issue(world, "example.com")
    before = world.shown("example.com")["serial"]
    with subprocess.Popen(
        world.command("renew", "--force", "example.com"),
        env=world.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
    assert world.shown("example.com")["serial"] != before
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
    with running_command(world.environment(), "run", "--json") as process:
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
    assert world.shown("example.com")["status"] == "valid"


def test_the_daemon_looks_hourly_for_what_a_person_has_to_do(world: World) -> None:
    world.run("add", "example.com", "--provider=manual", world.ca_options[0])
    assert world.run("renew", *world.ca_options[1:]).status == 3
    with running_command(world.environment(), "run", "--json") as process:
        events = map(json.loads, process.stdout)
        looked = datetime.now(UTC)
        told = next(event for event in events if event["event"] == "round")
        process.send_signal(signal.SIGTERM)
    assert datetime.fromisoformat(told["next_look"]) - looked > timedelta(minutes=59)


def test_the_daemon_says_when_it_looks_again(capsys: pytest.CaptureFixture[str]) -> None:
    tell_round([], datetime(2026, 11, 25, 19, 17, 30, tzinfo=UTC), Telling.NORMAL)
    assert capsys.readouterr().out == "checked 0 certificates; again at 2026-11-25 19:17 UTC\n"


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
