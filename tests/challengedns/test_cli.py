"""``zoneproof challenge registration``: administering beside a running service."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.challenge_service import (
    Account,
    Service,
    challenge_command,
    everywhere,
    register,
    request,
    txt,
    update,
    write_config,
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(write_config(tmp_path_factory.mktemp("service"))) as running:
        yield running


def command(config: Path, *arguments: str, fails: bool = False) -> str:
    """Run the command and return what it prints."""
    done = challenge_command(config, "registration", *arguments)
    assert bool(done.status) == fails, done.stderr
    return done.stderr if fails else done.stdout


def test_no_registrations_are_told_as_that(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        told = command(service.config, "list")
        assert told == "no registrations yet: clients make them, with a tenant's licence key\n"
        assert command(service.config, "list", "--json") == "[]\n"


def test_a_registration_is_listed_noted_restricted_and_shown(service: Service) -> None:
    account = register(service.url)
    update(service.url, account, txt("a"))
    command(service.config, "note", account.subdomain, "the web server")
    command(service.config, "allow", account.subdomain, "192.0.2.0/24", "2001:db8::/32")
    listed = command(service.config, "list")
    assert listed.startswith("NAME ")
    assert re.search(rf"^{account.fulldomain} +enabled +the web server$", listed, re.MULTILINE)
    shown = command(service.config, "show", account.fulldomain)  # as 'list' shows it
    assert "192.0.2.0/24, 2001:db8::/32" in shown
    assert txt("a") in shown
    assert update(service.url, account, txt("b")).status == 401
    command(service.config, "allow", account.subdomain, "anywhere")
    assert update(service.url, account, txt("b")).status == 200
    facts = json.loads(command(service.config, "show", account.subdomain, "--json"))
    assert [value["txt"] for value in facts["values"]] == [txt("a"), txt("b")]
    assert facts["allowfrom"] == []
    found = json.loads(command(service.config, "list", "--json"))
    assert account.username in [each["username"] for each in found]


def test_what_an_older_version_stored_of_clients_moves_no_cursor(service: Service) -> None:
    account = register(service.url)
    odd = json.dumps(["::%\x1bc\nvalue       forged/0"])
    with closing(sqlite3.connect(service.config.parent / "challenge.db")) as database, database:
        database.execute(
            "UPDATE challenge_registration SET allowfrom = ? WHERE subdomain = ?",
            [odd, account.subdomain],
        )
    shown = command(service.config, "show", account.subdomain)
    assert "::%\\x1bc\\nvalue       forged/0" in shown
    assert "\x1b" not in shown


def test_a_rotated_key_works_at_once(service: Service) -> None:
    account = register(service.url)
    key = command(service.config, "rotate", account.subdomain, "--yes").strip()
    assert update(service.url, account, txt("a")).status == 401
    renewed = Account(account.username, key, account.subdomain, account.fulldomain)
    assert update(service.url, renewed, txt("a")).status == 200


def test_disabling_and_deleting_are_answered_at_once(service: Service) -> None:
    account = register(service.url)
    update(service.url, account, txt("a"))
    command(service.config, "disable", account.subdomain)
    assert everywhere(service, account.fulldomain) == {()}
    assert update(service.url, account, txt("b")).status == 401
    command(service.config, "enable", account.subdomain)
    assert everywhere(service, account.fulldomain) == {(txt("a"),)}
    command(service.config, "delete", account.subdomain, "--yes")
    assert everywhere(service, account.fulldomain) == {()}
    assert "there is no registration" in command(
        service.config, "show", account.subdomain, fails=True
    )


def test_subject_becomes_the_note(service: Service) -> None:
    made = request(service.url, "POST", "/register", '{"subject": "www.example.org"}').json
    shown = json.loads(command(service.config, "show", made["subdomain"], "--json"))
    assert shown["note"] == "www.example.org"


def test_without_a_database_nothing_is_made(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (line,) = command(config, "list", fails=True).splitlines()
    assert "start the service once" in line
    assert not (tmp_path / "challenge.db").exists()
