"""Registrations of acme-dns clients, read and written."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.trees import REGISTRATION, SECRET, write
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import DomainName
from zoneproof.migration.registrations import (
    export_certbot_hook,
    export_certify,
    export_goacmedns,
    read_registrations,
)
from zoneproof.providers import Registration

SERVER = "https://auth.example.org"
EXPECTED = Registration(
    SERVER, DomainName("d420c923.auth.example.org"), "d420c923", "eabcdb41", SECRET
)
DOMAIN = DomainName("example.com")


@pytest.mark.parametrize("key", ["server_url", "server"])
def test_goacmedns_and_our_hook_name_the_server(tmp_path: Path, key: str) -> None:
    path = write(tmp_path / "a.json", {"example.com": {**REGISTRATION, key: SERVER}})
    found = read_registrations(path)
    assert [(one.domain, one.registration) for one in found.registrations] == [(DOMAIN, EXPECTED)]
    assert SECRET not in repr(found)


def test_the_servers_licence_key_is_no_part_of_a_registration(tmp_path: Path) -> None:
    server = "https://user:key@auth.example.org/k/abc/"
    path = write(tmp_path / "a.json", {"example.com": {**REGISTRATION, "server_url": server}})
    assert read_registrations(path).registrations[0].registration == EXPECTED


def test_the_hooks_file_needs_the_server_from_outside(tmp_path: Path) -> None:
    path = write(tmp_path / "acmedns.json", {"example.com": {**REGISTRATION, "allowfrom": []}})
    assert "--server" in read_registrations(path).problems[0]
    assert read_registrations(path, server=SERVER).registrations[0].registration == EXPECTED


def test_the_first_files_of_goacmedns_have_other_letters(tmp_path: Path) -> None:
    """Its Account had no tags at first (0.0.1), so its members are written as in the source."""
    theirs = {"fulldomain": "FullDomain", "subdomain": "SubDomain"}
    entry = {theirs.get(key, key.title()): value for key, value in REGISTRATION.items()}
    path = write(tmp_path / "a.json", {"example.com": entry})
    assert read_registrations(path, server=SERVER).registrations[0].registration == EXPECTED


def test_a_wildcard_shares_its_domains_registration(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", {"*.Example.COM": REGISTRATION})
    assert read_registrations(path, server=SERVER).registrations[0].domain == DOMAIN


def test_certifys_folder_tells_server_and_domain_in_file_names(tmp_path: Path) -> None:
    # as github.com/webprofusion/certify-plugins writes them
    host = base64.urlsafe_b64encode(b"auth.example.org").decode().rstrip("=")
    write(
        tmp_path / f"acmedns/{host}_example.com.json",
        {"allowfrom": [], **REGISTRATION, "subject": None},
    )
    found = read_registrations(tmp_path / "acmedns")
    assert [(one.domain, one.registration) for one in found.registrations] == [(DOMAIN, EXPECTED)]


def test_a_single_registration_gets_what_its_name_does_not_tell(tmp_path: Path) -> None:
    path = write(tmp_path / "registration.json", REGISTRATION)
    assert read_registrations(path).registrations == ()
    found = read_registrations(path, server=SERVER, domain="example.com")
    assert found.registrations[0].registration == EXPECTED


@pytest.mark.parametrize(
    "change",
    [
        {"password": None},
        {"password": 5},
        {"password": ""},
        {"password": f"{SECRET}\r\nX: y"},
        {"username": "a b"},
        {"fulldomain": "com"},
        {"fulldomain": "a..b"},
        {"subdomain": "x" * 300},
        {"server_url": "ftp://example.org"},
    ],
)
def test_a_registration_that_cannot_be_used_is_named_and_the_others_are_read(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    content = {"bad.example": {**REGISTRATION, **change}, "example.com": REGISTRATION}
    found = read_registrations(write(tmp_path / "a.json", content), server=SERVER)
    assert [one.domain for one in found.registrations] == [DOMAIN]
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{tmp_path}/a.json: the registration of 'bad.example'")
    assert SECRET not in found.problems[0]


@pytest.mark.parametrize("content", ["", "[]", "5", "{", '{"example.com": 1}', '{"a b": {}}', "{}"])
def test_a_file_of_another_form_is_a_problem(tmp_path: Path, content: str) -> None:
    found = read_registrations(write(tmp_path / "a.json", content), server=SERVER)
    assert found.registrations == ()
    assert found.problems[0].startswith(f"{tmp_path}/a.json: ")


def test_what_is_exported_is_read_again(tmp_path: Path) -> None:
    ours = {DOMAIN: EXPECTED}
    write(tmp_path / "go.json", export_goacmedns(ours))
    write(tmp_path / "hook.json", export_certbot_hook(ours))
    for name, content in export_certify(ours).items():
        write(tmp_path / "certify" / name, content)
    for found in (
        read_registrations(tmp_path / "go.json"),
        read_registrations(tmp_path / "hook.json", server=SERVER),
        read_registrations(tmp_path / "certify"),
    ):
        assert {one.domain: one.registration for one in found.registrations} == ours


def test_certbots_file_holds_one_server(tmp_path: Path) -> None:
    other = Registration("https://other.example", EXPECTED.fulldomain, "a", "b", "c")
    with pytest.raises(InvalidInputError, match="choose one"):
        export_certbot_hook({DOMAIN: EXPECTED, DomainName("example.net"): other})


def test_the_hooks_form_has_the_members_that_the_hook_reads() -> None:
    content = json.loads(export_certbot_hook({DOMAIN: EXPECTED}))
    assert content == {"example.com": {**REGISTRATION, "allowfrom": []}}
