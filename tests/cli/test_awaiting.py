"""Records that a person creates: each is told as seen or missing, and where; Enter continues."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest

from tests.cli.managing import CHALLENGE, manual
from tests.cli.terminal import Answer, run_at_terminal
from tests.support.change_txt import change
from tests.support.command import Result
from tests.support.world import World

SERVER = "ns1.example.com (127.0.0.1)"
ENTER = "or Ctrl-C to do it later: "
RECORD = re.compile(r'^ +(_acme-challenge\S+ \d+ IN TXT "([^"]+)")\s*$', re.MULTILINE)


def value_of(record: str) -> str:
    return record.rsplit('"', 2)[1]


def create(world: World, record: str) -> None:
    change(world.knot.port, CHALLENGE, value_of(record))


def delete(world: World, records: list[str]) -> None:
    for record in records:
        change(world.knot.port, CHALLENGE, value_of(record), remove=True)


def test_resume_says_of_each_record_whether_it_is_there_and_at_which_server(world: World) -> None:
    first, second = manual(world, "example.com", "*.example.com")
    create(world, first)
    result = world.run("resume", "example.com")
    assert result.status == 3
    assert f"{first} seen at {SERVER}\n" in result.stdout
    assert f"{second} missing at {SERVER}\n" in result.stdout
    events = world.run("resume", "example.com", "--json").events
    told = [event for event in events if event["event"] == "record_awaited"]
    assert told == [
        {
            "event": "record_awaited",
            "record": record,
            "status": status,
            "servers": [SERVER],
            "note": "",
        }
        for record, status in ((first, "seen"), (second, "missing"))
    ]
    delete(world, [first])


def test_preview_says_the_same_and_changes_nothing(world: World) -> None:
    first, second = manual(world, "example.com", "*.example.com")
    create(world, second)
    told = world.run("preview", "example.com").stdout
    assert f"Create first:\n\n  {first}\n    missing at {SERVER}\n" in told
    assert f"Already created:\n\n  {second}\n    seen at {SERVER}\n" in told
    assert "left over" not in told
    assert "would stop: create the records above first" in told
    assert world.run("preview", "example.com").status == 1
    document = json.loads(world.run("preview", "example.com", "--json").stdout)
    assert [(one["record"], one["status"]) for one in document["awaited"]] == [
        (first, "missing"),
        (second, "seen"),
    ]
    assert world.shown("example.com")["awaiting"] == [first, second]
    delete(world, [second])


def test_preview_says_that_an_order_by_hand_pauses(world: World) -> None:
    add = ["add", "example.com", "--provider=manual", world.ca_options[0]]
    assert world.run(*add).status == 0
    found = world.run("preview", "example.com", *world.ca_options[1:])
    assert found.status == 0, found.stdout
    assert "Issuing it would pause for TXT records that you create" in found.stdout
    assert "would work" not in found.stdout + world.run("preview", "--all").stdout


def test_a_server_that_answers_nothing_is_no_reason_to_call_a_record_missing(world: World) -> None:
    (record,) = manual(world, "example.com")
    nobody = f"--authoritative-port={world.pebble.port}"
    told = world.run("preview", "example.com", nobody).stdout
    assert f"{record}\n    not known: no authoritative server of example.com answers here" in told


def test_after_success_it_is_said_which_records_may_be_deleted(world: World) -> None:
    records = manual(world, "example.com", "*.example.com")
    for record in records:
        create(world, record)
    result = world.run("resume", "example.com", "--json")
    assert result.status == 0, result.stdout
    assert result.event("records_deletable")["records"] == records
    assert result.event_names.index("files_written") < result.event_names.index("records_deletable")
    delete(world, records)


@pytest.mark.parametrize("way", ["remove", "prune", "apply", "edit", "issue"])
def test_whoever_gives_an_order_up_is_told_which_records_may_be_deleted(
    world: World, way: str
) -> None:
    first, second = manual(world, "example.com", "*.example.com")
    told = f"you can delete these records now: {first}; {second}\n"
    match way:
        case "remove":
            assert told in world.run("remove", "example.com", "--yes").stderr
        case "apply":
            defined = world.good("list", "--toml").replace(', "*.example.com"', "")
            (world.home / "certs.toml").write_text(defined)
            assert told in world.run("apply", f"--file={world.home / 'certs.toml'}").stderr
        case "prune":
            (world.home / "certs.toml").write_text("")
            file = f"--file={world.home / 'certs.toml'}"
            assert told in world.run("apply", file, "--prune", "--yes").stderr
        case "edit":
            edited = world.run("edit", "example.com", "--remove-name=*.example.com")
            assert told in edited.stderr
        case "issue":  # the account is another one, so that only the next order gives it up
            world.good("edit", "example.com", "--profile=shortlived")
            again = world.run("issue", "example.com", *world.ca_options[1:])
            assert (again.status, told in again.stdout) == (3, True), again.stdout + again.stderr
    assert world.run("renew", "example.com").stdout.count(first) == 0


def test_what_is_pending_is_discarded_with_its_records(world: World) -> None:
    world.good("issue", "example.com", *world.rfc2136_options, *world.ca_options)
    pending = world.run("issue", "example.com", "www.example.com", "--provider=manual")
    assert pending.status == 3, pending.stderr
    (record, *_) = dict.fromkeys(found for found, _ in RECORD.findall(pending.stdout))
    discarded = world.run("edit", "example.com", "--discard-change")
    assert "you can delete" in discarded.stderr
    assert record in discarded.stderr


def test_a_cname_is_looked_for_at_the_name_servers_of_its_own_zone(world: World) -> None:
    target = "_acme-challenge.right.example.net."
    command = ("--delegation=www.example.com:right.example.net", *world.ca_options)
    assert world.run("issue", "www.example.com", *world.rfc2136_options, *command).status == 3
    options = world.ca_options[1:]
    record = f"_acme-challenge.www.example.com. IN CNAME {target}"
    missing = world.run("resume", "www.example.com", *options)
    assert missing.status == 3
    assert f"{record} missing at {SERVER}\n" in missing.stdout
    change(world.knot.port, "_acme-challenge.www.example.com", target, rdtype="CNAME")
    assert f"{record}\n    seen at {SERVER}\n" in world.run("preview", "www.example.com").stdout
    seen = world.run("resume", "www.example.com", "--json", *options)
    assert seen.status == 0, seen.stdout
    assert seen.event("record_awaited")["status"] == "seen"
    assert "records_deletable" not in seen.event_names  # renewals need it again
    change(world.knot.port, "_acme-challenge.www.example.com", target, rdtype="CNAME", remove=True)


def test_a_cname_that_was_seen_is_awaited_no_more_if_the_run_is_cut_off(world: World) -> None:
    target = "_acme-challenge.right.example.net."
    options = ("--delegation=www.example.com:right.example.net", *world.ca_options)
    assert world.run("issue", "www.example.com", *world.rfc2136_options, *options).status == 3
    assert world.shown("www.example.com")["status"] == "awaiting user"
    change(world.knot.port, "_acme-challenge.www.example.com", target, rdtype="CNAME")
    arguments = ("resume", "www.example.com", "--json", *world.ca_options[1:])
    killed = world.run("order_created", *arguments, module="tests.cli.crash_at")
    assert killed.status == -9
    shown = world.shown("www.example.com")
    assert (shown["status"], shown["awaiting"]) == ("missing", [])
    resumed = world.run("resume", "www.example.com", "--json")
    assert resumed.status == 0, resumed.stdout
    assert "order_resumed" in resumed.event_names
    change(world.knot.port, "_acme-challenge.www.example.com", target, rdtype="CNAME", remove=True)


@pytest.fixture
def waiting_change(world: World) -> str:
    """Let a good certificate wait for a CNAME that a change of it needs; return the record."""
    good = world.run("issue", "www.example.com", *world.rfc2136_options, *world.ca_options)
    assert good.status == 0, good.stderr
    option = "--delegation=www.example.com:right.example.net"
    result = world.run("issue", "www.example.com", option, *world.ca_options[1:])
    assert result.status == 3, result.stderr
    assert "with the same options saves them at once" in result.stderr
    return "_acme-challenge.www.example.com. IN CNAME _acme-challenge.right.example.net."


def test_a_change_that_waits_is_shown_and_tried_by_every_renew(
    world: World, waiting_change: str
) -> None:
    shown = world.shown("www.example.com")
    assert (shown["status"], shown["pending_change"]) == ("awaiting user", True)
    assert shown["awaiting"] == [waiting_change]
    assert (
        f"{waiting_change} missing at {SERVER}\n" in world.run("resume", "www.example.com").stdout
    )
    assert "a change of it is pending" in world.run("preview", "www.example.com").stdout
    early = world.run("renew", "--json")
    assert early.status == 3, early.stdout
    assert early.event("renewal")["records"] == [waiting_change]
    serial = shown["serial"]
    assert world.shown("www.example.com")["serial"] == serial
    name, target = "_acme-challenge.www.example.com", "_acme-challenge.right.example.net."
    change(world.knot.port, name, target, rdtype="CNAME")
    late = world.run("renew", "--json")
    change(world.knot.port, name, target, rdtype="CNAME", remove=True)
    assert (late.status, late.event("renewal")["result"]) == (0, "renewed"), late.stdout
    shown = world.shown("www.example.com")
    assert (shown["status"], shown["pending_change"], shown["awaiting"]) == ("valid", False, [])
    assert shown["definition"]["method"][0]["delegation"]
    assert shown["serial"] != serial


def test_what_is_due_while_its_change_waits_is_renewed_as_it_is_saved(
    world: World, waiting_change: str
) -> None:
    before = world.shown("www.example.com")
    result = world.run("renew", "www.example.com", "--force")
    assert result.status == 0, result.stdout + result.stderr
    after = world.shown("www.example.com")
    assert after["serial"] != before["serial"]
    assert (after["status"], after["awaiting"]) == ("awaiting user", [waiting_change])
    assert after["definition"] == before["definition"]


def test_a_change_that_waits_is_kept_by_an_edit_without_changes_and_discarded_on_request(
    world: World, waiting_change: str
) -> None:
    assert "nothing was changed" in world.run("edit", "www.example.com").stdout
    assert world.shown("www.example.com")["awaiting"] == [waiting_change]
    discarded = world.run("edit", "www.example.com", "--discard-change")
    assert "the change that was pending is discarded" in discarded.stdout
    shown = world.shown("www.example.com")
    assert (shown["status"], shown["pending_change"], shown["awaiting"]) == ("valid", False, [])


def at_terminal(world: World, arguments: list[str], answers: Sequence[Answer]) -> Result:
    """Run the command, and press Enter after each of the answers."""
    environment = {"ZONEPROOF_HOME": str(world.home), "TERM": "dumb"}
    return run_at_terminal(arguments, [(ENTER, answer) for answer in answers], environment)


def test_at_a_terminal_enter_goes_on_once_the_records_are_there(world: World) -> None:
    created: list[str] = []

    def one(told: str) -> str:
        created.extend(dict.fromkeys(record for record, _ in RECORD.findall(told)))
        create(world, created[0])
        return ""

    def other(told: str) -> str:
        assert f"{created[0]} seen at {SERVER}" in told
        assert f"{created[1]} missing at {SERVER}" in told
        create(world, created[1])
        return ""

    command = ["issue", "example.com", "*.example.com", "--provider=manual", *world.ca_options]
    result = at_terminal(world, command, ["", one, other])
    assert result.status == 0, result.stdout
    assert result.stdout.count("order placed for") == 1
    assert "you can delete these records now: " + "; ".join(created) in result.stdout
    assert "next: let a timer run 'zoneproof renew' every hour" in result.stdout
    delete(world, created)


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_who_leaves_is_told_how_to_go_on(world: World, key: str) -> None:
    command = ["issue", "example.com", "--provider=manual", *world.ca_options]
    result = at_terminal(world, command, [key])
    assert result.status == 3, result.stdout
    last = "zoneproof: example.com waits: 'zoneproof resume example.com' continues"
    assert last in result.stdout.splitlines()
    (record,) = world.shown("example.com")["awaiting"]
    create(world, record)
    resumed = world.run("resume", "example.com", "--json")
    assert resumed.status == 0
    assert resumed.event("order_resumed")["status"] == "pending"
    delete(world, [record])


def test_resume_waits_at_a_terminal_too(world: World) -> None:
    (record,) = manual(world, "example.com")

    def do_it(told: str) -> str:
        assert f"{record} missing at {SERVER}" in told
        create(world, record)
        return ""

    result = at_terminal(world, ["resume", "example.com"], [do_it])
    assert result.status == 0, result.stdout
    delete(world, [record])


def test_nobody_is_awaited_by_a_program(world: World) -> None:
    command = ["issue", "example.com", "--provider=manual", *world.ca_options, "--json"]
    result = at_terminal(world, command, [])
    assert result.status == 3
    assert ENTER not in result.stdout
