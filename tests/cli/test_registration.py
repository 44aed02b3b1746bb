"""``zoneproof registration list`` and ``remove``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.cli.inside import Inside, inside
from zoneproof.manager import Home, open_manager
from zoneproof.names import DomainName
from zoneproof.providers import Registration

__all__ = ["inside"]

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
    assert told.splitlines()[0] == f"mail.example.com  c3.auth.example.net  {ONE}"
    as_json = filled.good("registration", "list", "--json")
    assert len(json.loads(as_json)) == 3
    for secret in ("the-password", "user-name"):
        assert secret not in told + as_json


def test_those_of_one_service_are_listed(filled: Inside) -> None:
    told = filled.good("registration", "list", "--server", f"{OTHER}/", "--json")
    assert [one["fulldomain"] for one in json.loads(told)] == ["b2.acme-dns.example.org"]
    assert filled.run("registration", "list", "--server", "nonsense").status == 2


def test_a_home_without_any_says_how_they_come(inside: Inside) -> None:
    assert "at first use" in inside.good("registration", "list")
    assert inside.good("registration", "list", "--json") == "[]\n"


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
