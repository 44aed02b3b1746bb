"""``zoneproof challenge tenant`` and ``key``: administering beside a running service."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.challenge_service import (
    Service,
    challenge_command,
    register,
    request,
    txt,
    update,
    write_config,
)
from tests.support.mounts import needs_mounts, on_full_disk

Run = Callable[..., str]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(write_config(tmp_path_factory.mktemp("service"))) as running:
        yield running


@pytest.fixture(scope="module")
def run(service: Service) -> Run:
    def command(*arguments: str, status: int = 0) -> str:
        done = challenge_command(service.config, *arguments)
        assert done.status == status, done.stderr
        return done.stderr if status else done.stdout

    return command


def facts(text: str) -> Any:
    return json.loads(text)


def test_a_tenant_is_made_listed_shown_changed_and_deleted(run: Run) -> None:
    line = "acme  enabled  0 of 7 registrations  until 2100-01-01 00:00 UTC\n"
    told = run("tenant", "create", "acme", "--quota", "7", "--expires", "2099-12-31")
    assert told == f"{line}next: zoneproof challenge key create acme\n"
    run("tenant", "create", "b")
    assert run("tenant", "list") == (
        "NAME  STATUS   REGISTRATIONS  UNTIL\n"
        "acme  enabled  0 of 7         2100-01-01 00:00 UTC\n"
        "b     enabled  0 of 500       never\n"
    )
    run("tenant", "delete", "b", "--yes")
    shown = run("tenant", "show", "acme")
    assert re.search(r"^quota +7$", shown, re.MULTILINE)
    assert re.search(r"^disabled +no$", shown, re.MULTILINE)
    run("tenant", "change", "acme", "--quota", "8", "--expires", "never")
    assert re.search(r"^expires_at +never$", run("tenant", "show", "acme"), re.MULTILINE)
    run("tenant", "disable", "acme")
    assert "\nacme  disabled  0 of 8         never\n" in run("tenant", "list")
    assert run("tenant", "delete", "acme", "--yes") == "the tenant acme and its keys are deleted\n"
    assert run("tenant", "list", "--json") == "[]\n"
    assert run("tenant", "list") == "no tenants yet: 'zoneproof challenge tenant create'\n"
    assert "there is no tenant 'acme'" in run("tenant", "show", "acme", status=2)


def test_json_has_the_names_of_the_rest_api(run: Run, service: Service) -> None:
    made = facts(run("tenant", "create", "named", "--json"))
    assert made["quota"] == 500
    operator = facts(run("key", "create", "--operator", "--note", "admin", "--json"))
    assert operator["tenant"] is None
    key = facts(run("key", "create", "named", "--note", "web", "--json"))
    headers = {"Authorization": f"Bearer {operator['key']}"}

    def get(path: str) -> Any:
        return request(service.url, "GET", f"/api/v1/{path}", None, headers).json

    account = register(service.url, key["key"])
    update(service.url, account, txt("a"))
    assert facts(run("tenant", "show", "named", "--json")) == get("tenants/named")
    listed = facts(run("key", "list", "--json"))
    assert listed == get("keys")["keys"]
    assert facts(run("key", "list", "--tenant", "named", "--json")) == [
        {name: value for name, value in key.items() if name != "key"}
    ]
    path = f"registrations/{account.subdomain}"
    assert facts(run("registration", "show", account.subdomain, "--json")) == get(path)
    for change in (("note", "x"), ("allow", "192.0.2.0/24"), ("disable",), ("enable",)):
        name, *rest = change
        assert facts(run("registration", name, account.subdomain, *rest, "--json")) == get(path)
    assert (
        facts(run("registration", "list", "--tenant", "named", "--json"))
        == get("registrations?tenant=named")["registrations"]
    )
    rotated = facts(run("registration", "rotate", account.subdomain, "--yes", "--json"))
    assert list(rotated) == ["username", "password", "fulldomain", "subdomain", "allowfrom"]
    changed = facts(run("tenant", "change", "named", "--quota", "1", "--json"))
    assert changed == get("tenants/named")


def test_a_registration_that_may_be_updated_from_anywhere_is_told_so(
    run: Run, service: Service
) -> None:
    run("tenant", "create", "free")
    key = run("key", "create", "free").strip()
    account = register(service.url, key)
    told = run("registration", "allow", account.subdomain, "192.0.2.0/24")
    assert told == f"{account.fulldomain} may be updated from 192.0.2.0/24\n"
    run("registration", "allow", account.subdomain, status=2)
    shown = run("registration", "show", account.subdomain)
    assert re.search(r"^allowfrom +192.0.2.0/24$", shown, re.MULTILINE)
    told = run("registration", "allow", account.subdomain, "anywhere")
    assert told == f"{account.fulldomain} may be updated from anywhere\n"


def test_a_tenant_whose_last_day_is_over_is_told_as_expired(run: Run, service: Service) -> None:
    line = "old  expired  0 of 500 registrations  until 2020-01-02 00:00 UTC\n"
    warning = (
        "zoneproof: the last day of old is over, so it may neither register nor update: --expires"
        " sets another\n"
    )
    for arguments in (("create", "old"), ("change", "old")):
        done = challenge_command(service.config, "tenant", *arguments, "--expires", "2020-01-01")
        assert done.stdout.startswith(line)
        assert done.stderr == warning
    assert re.search(r"^old +expired +0 of 500 +2020-01-02", run("tenant", "list"), re.MULTILINE)


def test_a_key_is_printed_once_works_at_once_and_is_revoked_by_its_id(
    run: Run, service: Service
) -> None:
    run("tenant", "create", "keyed")
    key = run("key", "create", "keyed", "--note", "the mail server").strip()
    assert register(service.url, key).fulldomain
    listed = run("key", "list", "--tenant", "keyed")
    heading, row = listed.splitlines()
    assert re.fullmatch(rf"{key[3:11]}  keyed   .* UTC  the mail server", row)
    columns = ("ID", "TENANT", "CREATED", "NOTE")
    texts = (key[3:11], "keyed", row[18:38], "the mail server")
    assert [heading.index(each) for each in columns] == [row.index(each) for each in texts]
    run("key", "revoke", key[3:11], "--yes")
    assert request(service.url, "POST", f"/k/{key}/register").status == 401
    told = run("key", "list", "--tenant", "keyed")
    assert told == "no keys of the tenant keyed yet: 'zoneproof challenge key create'\n"
    assert run("key", "list", "--tenant", "keyed", "--json") == "[]\n"


def test_a_key_is_revoked_by_itself_and_not_repeated(run: Run) -> None:
    run("tenant", "create", "leaked")
    key = run("key", "create", "leaked").strip()
    told = run("key", "revoke", key, "--yes")
    assert told == f"the key {key[3:11]} is revoked\n"
    told = run("key", "revoke", key, "--yes", status=2)
    assert told == f"zoneproof: no licence key has the ID '{key[3:11]}'\n"


def test_a_part_of_a_key_is_not_repeated(run: Run) -> None:
    run("tenant", "create", "partly")
    key = run("key", "create", "partly").strip()
    for part in (key[12:].lstrip("-"), key[:-1], key[20:40].lstrip("-")):
        told = run("key", "revoke", part, "--yes", status=2)
        assert told.startswith("zoneproof: that is not the ID of a licence key")
        assert part[-8:] not in told


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("tenant", "create", "x", "--quota", "many"), 2, "'many' is not a whole number"),
        (("tenant", "create", "Big"), 2, "'Big' is not a valid tenant name"),
        (("tenant", "create", "x", "--quota", "-1"), 2, "--quota"),
        (("tenant", "create", "x", "--quota", "99999999999"), 2, "a quota must be from 0 to"),
        (("tenant", "create", "x", "--expires", "tomorrow"), 2, "'tomorrow' is not a day"),
        (("tenant", "create", "x", "--expires", "9999-12-31"), 2, "write 9999-12-30 at the lat"),
        (("tenant", "change", "nobody"), 2, "give --quota, --expires or both"),
        (("tenant", "change", "nobody", "--quota", "1"), 2, "there is no tenant 'nobody'"),
        (("tenant", "delete", "nobody"), 2, "there is no tenant 'nobody'"),
        (("key", "create", "--operator", "--note", "x" * 201), 2, "a note has at most 200"),
        (("registration", "note", "x", "x" * 201), 2, "has 201 characters: a note has at most"),
        (("key", "create"), 2, "either a tenant or --operator"),
        (("key", "create", "nobody"), 2, "there is no tenant 'nobody'"),
        (("key", "create", "nobody", "--operator"), 2, "either a tenant or --operator"),
        (("key", "list", "--tenant", "nobody"), 2, "there is no tenant 'nobody'"),
        (("key", "revoke", "00000000", "--yes"), 2, "no licence key has the ID '00000000'"),
        (("key", "revoke", "00000000"), 2, "no licence key has the ID '00000000'"),
        (("registration", "list", "--tenant", "nobody"), 2, "there is no tenant 'nobody'"),
        (("registration", "allow", "x", "192.0.2.1"), 2, "'192.0.2.1' is not a network"),
        (("registration", "allow", "x"), 2, "give networks such as 192.0.2.0/24, or the word 'any"),
        (("registration", "allow", "x", ""), 2, "'' is not a network"),
        (("registration", "allow", "x", "anywhere", "192.0.2.0/24"), 2, "'anywhere' is not a net"),
        (("registration", "assign", "x", "--tenant", "nobody"), 2, "no registration 'x'"),
        (("registration", "assign", "--tenant", "x"), 2, "either subdomains or --all-without"),
        (
            ("registration", "assign", "x", "--all-without-tenant", "--tenant", "x"),
            2,
            "either subdomains or --all-without",
        ),
    ],
)
def test_what_is_wrong_is_told(
    run: Run, arguments: tuple[str, ...], status: int, said: str
) -> None:
    told = run(*arguments, status=status)
    assert said in told.splitlines()[-1]
    assert "Traceback" not in told


def test_registrations_without_a_tenant_are_assigned_to_one(run: Run, service: Service) -> None:
    run("tenant", "create", "moved", "--quota", "2")
    first, second, third = (register(service.url) for _ in range(3))
    too_many = (first.subdomain, second.subdomain, third.subdomain)
    said = run("registration", "assign", *too_many, "--tenant", "moved", status=1)
    assert "tenant 'moved' has 0 registrations and would get 3 more, and its quota is 2" in said
    assert "'zoneproof challenge tenant change moved --quota N'" in said
    said = run("registration", "assign", first.subdomain, "--tenant", "moved")
    assert said == "1 assigned: moved has 1 of 2 registrations\n"
    assert update(service.url, first, txt("a")).status == 200
    run("tenant", "change", "moved", "--quota", "1000")
    told = facts(
        run("registration", "assign", "--all-without-tenant", "--tenant", "moved", "--json")
    )
    assert told["assigned"] >= 2
    assert told["tenant"] == facts(run("tenant", "show", "moved", "--json"))
    assert told["tenant"]["registrations"] == told["assigned"] + 1
    listed = run("registration", "list", "--tenant", "moved")
    assert all(each.fulldomain in listed for each in (first, second, third))


def test_the_registration_of_the_apis_certificate_is_nobodys(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    with Service(path) as service:
        own = request(service.url, "POST", "/register", '{"subject": "www.auth.example.org"}').json
        other = register(service.url)
    auto = '[api]\ntls = "auto"\ndomain = "www.auth.example.org"'
    path.write_text(path.read_text().replace("[api]", auto))
    assert challenge_command(path, "tenant", "create", "acme").status == 0
    done = challenge_command(
        path, "registration", "assign", "--all-without-tenant", "--tenant", "acme"
    )
    assert done.stdout == "1 assigned: acme has 1 of 500 registrations\n"
    listed = challenge_command(path, "registration", "list", "--tenant", "acme").stdout
    assert other.fulldomain in listed
    assert own["fulldomain"] not in listed


def test_a_tenant_in_use_stays(run: Run, service: Service) -> None:
    run("tenant", "create", "busy")
    account = register(service.url, run("key", "create", "busy").strip())
    assert "delete them first, or disable it" in run("tenant", "delete", "busy", status=1)
    run("registration", "delete", account.subdomain, "--yes")
    run("tenant", "delete", "busy", "--yes")


def test_without_a_database_nothing_is_made(tmp_path: Path) -> None:
    done = challenge_command(write_config(tmp_path), "tenant", "create", "acme")
    assert "start the service once" in done.stderr
    assert not (tmp_path / "challenge.db").exists()


@needs_mounts
def test_what_is_on_a_full_disk_is_listed_and_a_change_says_that_it_is_full(
    tmp_path: Path,
) -> None:
    path = write_config(tmp_path)
    with Service(path) as service:
        register(service.url)
    assert challenge_command(path, "tenant", "create", "acme").status == 0

    def on_full(command: str) -> subprocess.CompletedProcess[str]:
        return on_full_disk(tmp_path, f"challenge {command} --config {path}")

    elsewhere = f"move-database {tmp_path.parent / 'moved.db'}"
    reading = ("tenant list", "registration list", "audit", "key list", "tenant show acme")
    for command in (*reading, elsewhere):
        result = on_full(command)
        assert result.returncode == 0, result.stderr
    refused = on_full("tenant create other")
    assert refused.returncode == 1
    assert refused.stderr.endswith("the disk is full: free some space\n")
