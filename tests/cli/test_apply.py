"""``zoneproof apply`` and ``zoneproof list --toml``."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.cli.inside import Inside
from tests.cli.terminal import Answer, run_at_terminal
from tests.support.command import Result
from zoneproof.acme import find_ca
from zoneproof.manager import AccountTerms, Home, open_manager
from zoneproof.manager.accounts.store import new_account

TWO = """
[[certificate]]
identifiers = ["a.example", "*.a.example"]
[[certificate.method]]
provider = "manual"

[[certificate]]
name = "shop"
identifiers = ["shop.example"]
key_type = "rsa3072"
[[certificate.method]]
provider = "rfc2136"
fields = { server = "192.0.2.1" }
delegation = "shop.example:auth.example.net"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "certs.toml"
    path.write_text(TWO)
    return path


def names(inside: Inside) -> list[str]:
    return [one["name"] for one in json.loads(inside.good("list", "--json"))]


def apply(inside: Inside, file: Path, *options: str) -> Result:
    return inside.run("apply", "-f", str(file), *options)


def test_new_changed_and_unchanged_certificates_are_told_and_saved(
    inside: Inside, file: Path
) -> None:
    assert "to add    a.example\n          identifiers: a.example, *.a.example" in inside.good(
        "apply", "-f", str(file)
    )
    file.write_text(TWO.replace("rsa3072", "rsa4096"))
    told = inside.good("apply", "-f", str(file))
    assert "to change shop\n          key_type: rsa4096 (was rsa3072)\n1 unchanged\n" in told
    assert json.loads(inside.good("show", "shop", "--json"))["definition"]["key_type"] == "rsa4096"
    assert inside.good("apply", "-f", str(file)) == "2 unchanged\nnothing to change\n"


def test_a_field_that_goes_back_to_its_default_is_told(inside: Inside, file: Path) -> None:
    inside.good("apply", "-f", str(file))
    file.write_text(TWO.replace('key_type = "rsa3072"\n', ""))
    assert "key_type: ec256 (was rsa3072)" in inside.good("apply", "-f", str(file))


def test_what_comes_next_starts_with_the_account_that_no_renewal_can_make(
    inside: Inside, file: Path
) -> None:
    register = "zoneproof account register --ca letsencrypt --agree-tos"
    told = inside.good("apply", "-f", str(file))
    assert told.endswith(f"saved; next: {register}, then zoneproof renew\n")
    added = inside.good("add", "b.example", "--provider", "manual")
    assert added.endswith(f"next: {register}, then zoneproof preview b.example\n")
    asyncio.run(_register(inside.home))
    file.write_text(TWO.replace("rsa3072", "rsa4096"))
    assert inside.good("apply", "-f", str(file)).endswith("saved; next: zoneproof renew\n")


def test_a_delegation_rule_with_a_slip_is_told(inside: Inside, file: Path) -> None:
    slip = "*.shpo.example:*.auth.example.net"
    line = f"warning: {{}}: the delegation rule {slip} is about none of its names"
    file.write_text(TWO.replace("shop.example:auth.example.net", slip))
    assert line.format("shop") in apply(inside, file).stderr
    assert "about none" not in apply(inside, file).stderr
    method = ("--provider", "manual", "--delegation")
    assert line.format("b.example") in inside.run("add", "b.example", *method, slip).stderr
    found = inside.run("edit", "b.example", *method, "b.example:auth.example.net")
    assert "about none" not in found.stderr


async def _register(home: Path) -> None:
    async with open_manager(Home(home)) as manager:
        ca = find_ca("letsencrypt")
        account = new_account(ca.name, ca.directory_url, AccountTerms())
        await manager.accounts.add(replace(account, account_url="https://acme.example/acct/1"))


def test_a_dry_run_changes_nothing(inside: Inside, file: Path) -> None:
    told = inside.good("apply", "-f", str(file), "--dry-run")
    assert "to add    shop" in told
    assert "dry run" in told
    assert names(inside) == []


def test_a_dry_run_of_a_bad_file_exits_with_2(inside: Inside, file: Path) -> None:
    file.write_text("[[certificate]]\n")
    assert apply(inside, file, "--dry-run").status == 2


def test_nothing_is_saved_of_a_file_with_errors_and_each_is_one_line(
    inside: Inside, file: Path
) -> None:
    file.write_text(
        TWO
        + '[[certificate]]\nname = "c"\nidentifiers = ["c.example"]\naccount = "nobody"\n'
        + '[[certificate.method]]\ncredential = "gone"\n'
        + '[[certificate]]\nname = "d"\nidentifiers = ["d.example"]\nrenwe = true\n'
    )
    result = apply(inside, file)
    assert result.status == 2
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"zoneproof: {file}: ") for line in lines)
    assert "d: 'renwe' is not known: did you mean 'renew'?" in lines[0]
    assert "c: there is no account 'nobody'" in lines[1]
    assert "c: there is no credential 'gone'" in lines[2]
    assert "'zoneproof credential add' stores one" in lines[2]
    assert names(inside) == []


def test_errors_are_lines_of_json_on_request(inside: Inside, file: Path) -> None:
    file.write_text('[[certificate]]\nx = 1\n[[certificate]]\nname = "b"\nx = 1\n')
    result = apply(inside, file, "--json")
    assert result.status == 2
    assert [event["exit_code"] for event in result.events] == [2, 2]
    missing = inside.run("apply", "-f", "nowhere.toml", "--json")
    assert "cannot read nowhere.toml" in missing.event("error")["message"]


def test_changes_are_json_on_request(inside: Inside, file: Path) -> None:
    told = json.loads(inside.good("apply", "-f", str(file), "--json"))
    assert [one["name"] for one in told["new"]] == ["a.example", "shop"]
    assert told["saved"] is True
    told = json.loads(inside.good("apply", "-f", str(file), "--json"))
    assert told == {"new": [], "changed": [], "removed": [], "unchanged": 2, "saved": False}


def test_the_file_can_be_the_standard_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zoneproof", "apply", "-f", "-"]
    environment = {**os.environ, "ZONEPROOF_HOME": str(tmp_path / "home")}
    for text, words in ((TWO, "saved"), (TWO, "2 unchanged"), ("renwe = 1", "-: 'renwe' is not")):
        done = subprocess.run(
            command, input=text, env=environment, capture_output=True, text=True, check=False
        )
        assert words in done.stdout + done.stderr


def test_what_the_file_does_not_have_stays(inside: Inside, file: Path) -> None:
    inside.good("add", "kept.example", "--provider", "manual")
    assert "kept" not in inside.good("apply", "-f", str(file))
    assert names(inside) == ["a.example", "kept.example", "shop"]


def test_prune_removes_definitions_and_no_files(inside: Inside, file: Path) -> None:
    inside.good("add", "old.example", "--provider", "manual")
    key = inside.home / "live/old.example/privkey.pem"
    key.parent.mkdir(parents=True)
    key.write_text("a key")
    told = inside.good("apply", "-f", str(file), "--prune", "--yes")
    assert "to remove old.example  (its files stay)" in told
    assert names(inside) == ["a.example", "shop"]
    assert key.read_text() == "a key"
    assert "removed" in inside.good("history", "old.example")


@pytest.mark.parametrize(("one", "other"), [("shop", "Shop"), ("Shop", "shop")])
def test_a_name_that_is_only_spelled_otherwise_replaces_the_old_one_with_prune(
    inside: Inside, file: Path, one: str, other: str
) -> None:
    file.write_text(TWO.replace('"shop"', f'"{one}"'))
    inside.good("apply", "-f", str(file))
    file.write_text(TWO.replace('"shop"', f'"{other}"'))
    for options in ((), ("--dry-run",)):
        refused = apply(inside, file, *options)
        assert refused.status == 2
        assert f"{other}: '{other}' is another spelling of the certificate {one}" in refused.stderr
    assert f"to add    {other}\n" in inside.good("apply", "-f", str(file), "--prune", "--yes")
    assert sorted(names(inside)) == sorted(["a.example", other])


def test_two_spellings_of_one_name_are_refused(inside: Inside, file: Path) -> None:
    file.write_text(TWO + TWO.partition("\n\n")[2].replace("shop", "Shop"))
    refused = apply(inside, file, "--dry-run", "--prune")
    assert refused.status == 2
    assert refused.stderr.count(" is another spelling of the certificate ") == 1
    assert not names(inside)


def answered(inside: Inside, file: Path, answer: Answer) -> Result:
    """Apply the file with --prune at a terminal, and answer the question."""
    return run_at_terminal(
        ["apply", "-f", str(file), "--prune"],
        [("Stop managing old.example? [y/N]: ", answer)],
        {"ZONEPROOF_HOME": str(inside.home)},
    )


def test_prune_asks_and_changes_nothing_without_a_yes(inside: Inside, file: Path) -> None:
    inside.good("add", "old.example", "--provider", "manual")
    result = apply(inside, file, "--prune")
    assert result.status == 2
    assert "to remove old.example  (its files stay)" in result.stdout
    assert "Stop managing old.example?" in result.stderr
    assert "add --yes" in result.stderr
    assert names(inside) == ["old.example"]
    result = answered(inside, file, "n")
    assert result.status == 1
    assert "nothing was changed" in result.stdout
    assert names(inside) == ["old.example"]


def test_prune_of_a_file_with_errors_removes_nothing(inside: Inside, file: Path) -> None:
    inside.good("add", "old.example", "--provider", "manual")
    file.write_text("[[certificate]]\n")
    assert apply(inside, file, "--prune", "--yes").status == 2
    assert names(inside) == ["old.example"]


def test_a_failure_in_the_middle_keeps_nothing(inside: Inside, file: Path) -> None:
    inside.good("renew")
    with sqlite3.connect(inside.home / "state.sqlite3") as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON certificates WHEN new.name = 'shop'"
            " BEGIN SELECT RAISE(ABORT, 'no more'); END"
        )
    database.close()
    result = apply(inside, file)
    assert result.status == 1
    assert "no more" in result.stderr
    assert names(inside) == []


def test_a_change_by_somebody_else_meanwhile_is_not_lost(inside: Inside, file: Path) -> None:
    inside.good("add", "old.example", "--provider", "manual")

    def edit_first(_: str) -> str:
        with sqlite3.connect(inside.home / "state.sqlite3") as database:
            database.execute(
                "UPDATE certificates SET definition = replace(definition, 'manual', 'script')"
            )
        database.close()
        return "y"

    result = answered(inside, file, edit_first)
    assert result.status == 1
    assert "old.example was changed by somebody else in the meantime" in result.stdout
    assert names(inside) == ["old.example"]


def test_the_stored_definitions_are_printed_as_such_a_file(inside: Inside, file: Path) -> None:
    inside.good("apply", "-f", str(file))
    file.write_text(inside.good("list", "--toml"))
    assert inside.good("apply", "-f", str(file), "--prune") == "2 unchanged\nnothing to change\n"
    other = inside.home.with_name("other")
    inside.good("apply", "-f", str(file), home=other)
    assert inside.good("list", "--toml", home=other) == file.read_text()
    assert inside.run("list", "--toml", "--json").status == 2


def test_a_file_cannot_move_the_cursor(inside: Inside, file: Path) -> None:
    file.write_text(TWO.replace("fields =", 'zone = "\\u001b[2Jx"\nfields ='))
    assert "\x1b" not in inside.good("apply", "-f", str(file))
    assert "\x1b" not in inside.good("list", "--toml")
