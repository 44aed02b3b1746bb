"""``zoneproof registration``, and ``zoneproof import registrations``."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from tests.cli.inside import Inside
from zoneproof.core.names import DomainName
from zoneproof.manager import Home, open_manager
from zoneproof.providers import Registration

ONE, OTHER = "https://auth.example.net", "https://acme-dns.example.org:8443"


async def _fill(home: Path) -> None:
    async with open_manager(Home(home)) as manager:
        for server, name, domain in (
            (ONE, "a1.auth.example.net", "www.example.com"),
            (OTHER, "b2.acme-dns.example.org", "www.example.com"),
            (ONE, "c3.auth.example.net", "mail.example.com"),
        ):
            target = DomainName(name)
            one = Registration(server, target, target.labels[0], "user-name", "the-password")
            await manager.registrations.put(DomainName(domain), one)


@pytest.fixture
def filled(inside: Inside) -> Inside:
    asyncio.run(_fill(inside.home))
    return inside


def test_registrations_are_listed_without_their_keys(filled: Inside) -> None:
    told = filled.good("registration", "list")
    heading, first, *_, last = told.splitlines()
    assert first == f"mail.example.com  c3.auth.example.net      {ONE}"
    assert {line.index("http") for line in (first, last)} == {heading.index("SERVICE")}
    as_json = filled.good("registration", "list", "--json")
    assert len(json.loads(as_json)) == 3
    for secret in ("the-password", "user-name"):
        assert secret not in told + as_json


def test_those_of_one_service_are_listed(filled: Inside) -> None:
    told = filled.good("registration", "list", "--server", f"{OTHER}/", "--json")
    assert [one["fulldomain"] for one in json.loads(told)] == ["b2.acme-dns.example.org"]
    assert filled.run("registration", "list", "--server", "nonsense").status == 2


def test_a_home_without_any_says_how_they_come(inside: Inside) -> None:
    assert "the first certificate through acme-dns" in inside.good("registration", "list")
    assert inside.good("registration", "list", "--json") == "[]\n"


def test_a_licence_key_on_the_command_line_is_warned_of(inside: Inside) -> None:
    url = "http://127.0.0.1:1/k/s3cret"
    result = inside.run("registration", "add", "www.example.com", f"--server={url}")
    assert "server can be read by others in the process list" in result.stderr
    assert "s3cret" not in result.stdout + result.stderr
    unknown = inside.run("registration", "add", "a.example", f"--server={url}", "--field=alowfrom=")
    assert unknown.status == 2
    assert "no field 'alowfrom'" in unknown.stderr


def test_what_several_names_fail_with_is_told_once(inside: Inside) -> None:
    names = [f"{letter}.example" for letter in "abcde"]
    command = ("registration", "add", *names, "--server", "http://127.0.0.1:1")
    result = inside.run(*command)
    assert result.status == 1
    assert result.stderr.splitlines() == [
        "zoneproof: acme-dns http://127.0.0.1:1, a.example, b.example, c.example and 2 more: the"
        " connection was refused: nothing listens there; try again"
    ]
    told = json.loads(inside.run(*command, "--json").stdout)
    assert [one["domain"] for one in told if one["error"]] == names


def test_one_is_removed_and_the_others_stay(filled: Inside) -> None:
    filled.good("registration", "remove", "*.Mail.example.com", "--yes")
    filled.good("registration", "remove", "www.example.com", "--server", ONE, "--yes", "--json")
    left = json.loads(filled.good("registration", "list", "--json"))
    assert [(one["domain"], one["server"]) for one in left] == [("www.example.com", OTHER)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("www.example.com", "--yes"), "choose one of them with --server"),
        (("nobody.example.com", "--yes"), "there is no registration for nobody.example.com"),
        (("a..b", "--yes"), "a..b"),
        (("mail.example.com",), "add --yes"),
    ],
)
def test_nothing_is_removed_in_doubt(filled: Inside, arguments: tuple[str, ...], told: str) -> None:
    result = filled.run("registration", "remove", *arguments)
    assert result.status == 2
    assert told in result.stderr
    assert len(json.loads(filled.good("registration", "list", "--json"))) == 3


# --- sharing -----------------------------------------------------------------------------------


def keys_in(home: Path) -> list[tuple[DomainName, Registration]]:
    async def read() -> list[tuple[DomainName, Registration]]:
        async with open_manager(Home(home)) as manager:
            return await manager.registrations.all()

    return asyncio.run(read())


@pytest.mark.parametrize("form", ["goacmedns", "certbot", "certify"])
def test_another_home_takes_what_one_exports(filled: Inside, tmp_path: Path, form: str) -> None:
    output, other = tmp_path / "out", tmp_path / "other"
    if form == "certify":
        output.mkdir()
    told = filled.good(
        "registration", "export", "--format", form, "-o", str(output), "--server", ONE
    )
    assert told == f"2 registrations written to {output}, with unencrypted keys\n"
    written = [output] if output.is_file() else list(output.iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in written] == [0o600] * len(written)
    command = ("import", "registrations", str(output), "--server", ONE, "--yes")
    taken = filled.good(*command, home=other)
    assert taken.endswith("imported 2 registrations; next: zoneproof registration list\n")
    told += taken
    assert keys_in(other) == [pair for pair in keys_in(filled.home) if pair[1].server == ONE]
    assert "everything is already here" in filled.good(*command, home=other)
    assert "the-password" not in told


def test_some_domains_are_exported(filled: Inside, tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    filled.good("registration", "export", "mail.example.com", "-o", str(output))
    assert list(json.loads(output.read_text())) == ["mail.example.com"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "registrations at several servers: choose one with --server"),
        (("nobody.example.com",), "there is no registration for nobody.example.com"),
        (("--server", "https://nobody.example"), "there are no registrations to export"),
    ],
)
def test_nothing_is_exported_in_doubt(
    filled: Inside, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    output = tmp_path / "out.json"
    result = filled.run("registration", "export", "-o", str(output), *arguments)
    assert result.status == 2
    assert told in result.stderr
    assert not output.exists()


def test_an_export_replaces_no_file(filled: Inside, tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    output.write_text("mine")
    result = filled.run("registration", "export", "mail.example.com", "-o", str(output))
    assert result.status == 2
    assert output.read_text() == "mine"


def entry(server: str, password: str) -> dict[str, str]:
    return {
        "fulldomain": "z9.auth.example.net",
        "subdomain": "z9",
        "username": "user",
        "password": password,
        "server_url": server,
    }


def test_a_registration_that_differs_stays_unless_it_is_to_be_replaced(
    filled: Inside, tmp_path: Path
) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps({"mail.example.com": entry(ONE, "their-password")}))
    before = keys_in(filled.home)
    told = filled.good("import", "registrations", str(path), "--yes")
    assert f"differs  registration mail.example.com at {ONE}  (stays as it is here)" in told
    assert keys_in(filled.home) == before
    filled.good("import", "registrations", str(path), "--yes", "--replace")
    assert keys_in(filled.home)[0][1].password == "their-password"
    assert keys_in(filled.home)[1:] == before[1:]


def test_what_cannot_be_read_is_told_and_the_rest_taken(inside: Inside, tmp_path: Path) -> None:
    path = tmp_path / "theirs.json"
    bad = {**entry(ONE, "their-password"), "password": 5}
    path.write_text(json.dumps({"a.example": entry(ONE, "their-password"), "b.example": bad}))
    result = inside.run("import", "registrations", str(path), "--yes")
    assert result.status == 1
    assert "the registration of 'b.example'" in result.stderr
    assert "their-password" not in result.stdout + result.stderr
    assert [str(domain) for domain, _ in keys_in(inside.home)] == ["a.example"]


@pytest.mark.parametrize("content", ["", "{}", "[]", "{", "null", '{"a.example": 5}'])
def test_a_file_without_any_is_an_error(inside: Inside, tmp_path: Path, content: str) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(content)
    result = inside.run("import", "registrations", str(path), "--yes")
    assert result.status == 2
    assert "no registration was found" in result.stderr
    assert keys_in(inside.home) == []
