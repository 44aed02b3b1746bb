"""Signing in with a passkey, by the browser's own virtual authenticator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.browser import Watched
from tests.support.web_pages import Client, WebPages
from tests.web.conftest import Watch
from tests.web.visiting import become_administrator
from zoneproof.core.errors import InvalidInputError
from zoneproof.web.signing.passkeys import Challenges, take
from zoneproof.web.signing.tickets import Tickets

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[WebPages]:
    with WebPages(tmp_path / "home", "--host", "localhost") as running:
        yield running
        assert not [line for line in running.server.lines if "Traceback" in line]


def with_authenticator(watch: Watch, pages: WebPages) -> tuple[Watched, Any, str]:
    """Return a browser at the server's name, since passkeys are for names."""
    watched = watch(pages.url)
    devices = watched.context.new_cdp_session(watched.page)
    devices.send("WebAuthn.enable")
    added = devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return watched, devices, str(added["authenticatorId"])


def test_a_passkey_is_registered_used_and_removed(watch: Watch, pages: WebPages) -> None:
    watched, _, _ = with_authenticator(watch, pages)
    page = watched.page
    become_administrator(page, pages.link)
    page.goto("/me")
    page.get_by_label("Name of the new one").fill("laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("laptop never used")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome")
    page.goto("/me")
    expect(page.get_by_text("laptop used now")).to_be_visible()
    page.goto("/audit")
    expect(page.get_by_text("sign in alice")).to_have_count(2)
    page.goto("/me")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This did not work")


def test_without_its_owner_a_passkey_signs_nobody_in(watch: Watch, pages: WebPages) -> None:
    watched, devices, authenticator = with_authenticator(watch, pages)
    page = watched.page
    become_administrator(page, pages.link)
    page.goto("/me")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("passkey never used")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    verified = {"authenticatorId": authenticator, "isUserVerified": False}
    devices.send("WebAuthn.setUserVerified", verified)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    page.goto("/")
    expect(page).to_have_url(f"{pages.url}/sign-in?to=%2F")


@pytest.mark.parametrize(
    "credential",
    ["", "{}", "[]", '{"id": "x", "response": {"clientDataJSON": "AAAA"}}', "x" * 5000],
)
def test_what_no_authenticator_made_is_refused(pages: WebPages, credential: str) -> None:
    client = Client(pages.url)
    answer = client.post("/sign-in/passkey", credential=credential)
    assert answer.status == 400
    assert "was not used as it should be" in answer.text
    assert client.cookies == {}


def test_at_an_address_there_are_no_passkeys(pages: WebPages) -> None:
    client = Client(pages.url.replace("localhost", "127.0.0.1"))
    assert "passkey" not in client.get("/sign-in").text
    assert client.post("/sign-in/passkey/options").status == 400
    named = Client(pages.url).post("/sign-in/passkey/options")
    assert json.loads(named.body)["rpId"] == "localhost"


def test_a_ticket_is_good_once_and_for_a_while() -> None:
    now = 0.0
    tickets = Tickets[str](300.0, clock=lambda: now)
    first, old = tickets.issue("a", "192.0.2.1"), tickets.issue("b", "192.0.2.1")
    assert tickets.take(first) == "a"
    for text in (first, "made up"):
        with pytest.raises(InvalidInputError):
            tickets.take(text)
    now = 301.0
    with pytest.raises(InvalidInputError):
        tickets.take(old)


def test_who_asks_for_many_tickets_ends_their_own() -> None:
    tickets = Tickets[int](300.0)
    others = tickets.issue(-1, "192.0.2.1")
    many = [tickets.issue(number, "192.0.2.2") for number in range(20_000)]
    with pytest.raises(InvalidInputError):
        tickets.take(many[-101])
    assert [tickets.take(text) for text in many[-100:]] == list(range(19_900, 20_000))
    assert tickets.take(others) == -1
    crowd = [tickets.issue(number, f"2001:db8::{number}") for number in range(10_001)]
    with pytest.raises(InvalidInputError):
        tickets.take(crowd[0])
    assert tickets.take(crowd[1]) == 1


def test_a_challenge_for_one_person_is_for_nobody_else() -> None:
    challenges = Challenges(300.0)
    made = challenges.issue("alice", "192.0.2.1").encode()
    with pytest.raises(InvalidInputError):
        take(challenges, made, "bob")
    with pytest.raises(InvalidInputError):  # it was good once
        take(challenges, made, "alice")
    other = challenges.issue("alice", "192.0.2.1").encode()
    assert take(challenges, other, "alice") == other
    with pytest.raises(InvalidInputError):
        take(challenges, b"\xff", "alice")
