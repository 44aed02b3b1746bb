"""A credential that is entered in the form for a new certificate: tried, stored and never shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.support.looks import LOOKS, picture, serious
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME
from tests.support.web_pages import Client, WebPages
from tests.support.world import World, open_world, zone_text
from tests.web.conftest import Watch
from tests.web.visiting import reload_until_over, request

AT_BUNNY = """$ORIGIN example.org.
$TTL 60
@ SOA kiki.bunny.net. hostmaster 1 3600 600 86400 60
@ NS kiki.bunny.net.
@ NS coco.bunny.net.
"""
WRONG = "d3JvbmctYW5kLXNlY3JldA=="


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    bunny = zone_text("bunny.net", "kiki A 127.0.0.1", "coco A 127.0.0.1")
    zones = {"example.com": zone_text("example.com"), "example.org": AT_BUNNY, "bunny.net": bunny}
    with open_world(tmp_path_factory.mktemp("world"), zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Any) -> World:
    """A home without a credential, whose CA knows it."""
    world = servers.at(tmp_path)
    world.write_settings(f'account = "{world.pebble.directory_url}"')
    options = [option.replace("--directory=", "--ca=") for option in world.ca_options]
    world.good("account", "register", *options)
    return world


def secret_of(world: World) -> str:
    return world.knot.secret_file.read_text().strip()


def fill_in(page: Page, world: World, secret: str) -> None:
    """Enter the credential for the authoritative server."""
    page.locator("#field-server").fill("127.0.0.1")
    page.locator("#field-port").fill(str(world.knot.port))
    page.locator("#field-key_name").fill(TSIG_NAME)
    page.locator("#field-algorithm").select_option(TSIG_ALGORITHM)
    page.locator("#field-secret").fill(secret)


def stored(world: World) -> list[str]:
    return [one["name"] for one in json.loads(world.good("credential", "list", "--json"))]


def audited(client: Client) -> list[tuple[str, str, str]]:
    entries = client.get("/api/v1/audit?q=credential").json
    return [(one["action"], one["subject"], one["result"]) for one in entries]


def test_a_credential_is_entered_tried_and_used_without_leaving_the_form(
    watch: Watch, pages: WebPages, world: World
) -> None:
    alice, secret, asked = pages.administrator(), secret_of(world), []
    watched = watch(pages.url, **LOOKS["light"])
    watched.use_cookies(alice.cookies)
    page = watched.page

    def hear(one: Request) -> None:
        asked.append(one.url)

    page.on("request", hear)
    page.goto("/new-certificate")
    expect(page.get_by_label("with a new credential")).to_be_checked()  # as there is no other
    page.get_by_label("One per line").press_sequentially("www.example.org")
    expect(page.locator("#looks")).to_contain_text("no credential for bunny.net yet")
    expect(page.get_by_label("DNS provider", exact=True)).to_have_value("bunny")
    expect(page.locator("#new-credential")).to_contain_text("Least privilege")
    assert page.get_by_role("link", name="Where the key is made").get_attribute("href")
    expect(page.locator("#field-api_key")).to_be_visible()
    picture(page, "new-credential", "light")
    page.get_by_label("One per line").fill("shop.example.com")
    expect(page.locator("#looks")).to_contain_text("zone example.com")
    page.get_by_label("DNS provider", exact=True).select_option("rfc2136")
    fill_in(page, world, WRONG)
    page.get_by_role("button", name="Test it").click()
    expect(page.locator("#trial")).to_contain_text("It does not work")
    page.locator("#field-secret").fill(secret)
    page.get_by_role("button", name="Test it").click()
    expect(page.locator("#trial")).to_contain_text("It works")
    expect(page.locator("#trial")).to_contain_text("removed again")
    assert stored(world) == []  # a test stores nothing
    assert serious(page) == []
    page.get_by_text("Another CA, profile, the certificate's name").click()
    page.get_by_label("Name of the certificate here").fill("shop")
    page.get_by_label("Name of the credential").fill("not a name")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_contain_text("not a valid credential name")
    expect(page.locator("#field-server")).to_have_value("127.0.0.1")
    expect(page.locator("#field-algorithm")).to_have_value(TSIG_ALGORITHM)
    expect(page.get_by_label("Name of the certificate here")).to_have_value("shop")
    expect(page.locator("#field-secret")).to_have_value("")
    expect(page.locator("#new-credential")).to_contain_text("Type it again")
    assert secret not in page.content()
    page.locator("#field-secret").fill(secret)
    page.get_by_label("Name of the credential").fill("knot")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("Issuing it would work")
    expect(page.get_by_role("status")).to_have_text("knot is stored, encrypted.")
    assert secret not in page.content()
    assert (stored(world), world.listed()) == (["knot"], [])
    request(page)
    expect(page.locator("#run-status")).to_have_text("done")
    assert world.shown("shop")["definition"]["method"] == [{"credential": "knot"}]
    told = [*asked, *pages.server.lines, json.dumps(audited(alice)), page.content()]
    assert [text for text in told if secret in text or WRONG in text] == []
    assert ("credential test", "rfc2136, not stored yet", "ok") in audited(alice)
    assert ("credential add", "knot", "ok") in audited(alice)


def test_what_the_dns_tells_late_replaces_nothing_that_was_chosen_meanwhile(
    watch: Watch, pages: WebPages, world: World
) -> None:
    watched, held = watch(pages.url), []
    watched.use_cookies(pages.administrator().cookies)
    page = watched.page

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/new-certificate/look*", hold)
    page.goto("/new-certificate")
    with page.expect_request("**/new-certificate/look*"):
        page.get_by_label("One per line").fill("www.example.org")
    page.get_by_label("DNS provider", exact=True).select_option("rfc2136")
    fill_in(page, world, "typed meanwhile")
    for route in held:
        route.continue_()
    expect(page.locator("#looks")).to_contain_text("no credential for bunny.net yet")
    expect(page.get_by_label("DNS provider", exact=True)).to_have_value("rfc2136")
    expect(page.locator("#field-secret")).to_have_value("typed meanwhile")


def test_a_credential_is_entered_without_javascript(
    watch: Watch, pages: WebPages, world: World
) -> None:
    watched = watch(pages.url, java_script_enabled=False)
    watched.use_cookies(pages.administrator().cookies)
    page, secret = watched.page, secret_of(world)
    page.goto("/new-certificate")
    page.get_by_label("One per line").fill("plain.example.org")
    page.get_by_role("button", name="Look at the names").click()
    expect(page.get_by_label("DNS provider", exact=True)).to_have_value("bunny")
    expect(page.locator("#field-api_key")).to_be_visible()
    page.get_by_label("DNS provider", exact=True).select_option("rfc2136")
    page.get_by_role("button", name="Show its fields").click()
    fill_in(page, world, secret)
    with watched.context.expect_page() as opened:
        page.get_by_role("button", name="Test it").click()
    reload_until_over(opened.value)
    expect(opened.value.locator("#panel")).to_contain_text("It works")
    expect(page.locator("#field-secret")).to_have_value(secret)  # the form is as it was
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("status")).to_have_text("rfc2136 is stored, encrypted.")
    expect(page.get_by_label("Credential", exact=True)).to_have_value("rfc2136")
    expect(page.get_by_label("One per line")).to_have_value("plain.example.org")
    page.get_by_role("button", name="Preview").click()
    request(page)
    reload_until_over(page)
    assert [one["status"] for one in world.listed()] == ["valid"]


def test_the_provider_of_a_new_credential_is_found_by_a_domain(
    pages: WebPages, world: World
) -> None:
    alice = pages.administrator()
    found = alice.get("/new-credential?q=www.example.org").text
    assert "example.org is at bunny.net" in found
    assert "/new-credential?provider=bunny" in found
    assert "example.com is at no known provider" in alice.get("/new-credential?q=example.com").text
    assert alice.get("/new-credential?q=a..b").status == 200
    assert "provider=manual" not in alice.get("/new-credential").text


def test_an_operator_sees_what_to_ask_an_administrator_for(
    watch: Watch, pages: WebPages, world: World
) -> None:
    olga = pages.user(pages.administrator(), "olga", "operator")
    watched = watch(pages.url)
    watched.use_cookies(olga.cookies)
    page = watched.page
    page.goto("/new-certificate")
    expect(page.get_by_label("with a new credential")).to_have_count(0)
    page.get_by_label("One per line").press_sequentially("www.example.org example.org")
    wanted = page.locator("#looks .record")
    expect(wanted).to_contain_text("a credential for bunny.net in Zoneproof")
    expect(wanted).to_contain_text("in the zone example.org")
    expect(wanted).to_contain_text("The key is made at https://")
    expect(wanted).to_contain_text("Least privilege: ")
    fields = {"field.api_key": "very-secret", "provider": "bunny", "credential_name": "mine"}
    for step in ("store", "preview", "request"):
        chosen = {"names": "www.example.org", "way": "new", "step": step, **fields}
        answer = olga.post("/new-certificate", None, **chosen)
        assert (answer.status, "only an administrator" in answer.text) == (400, True)
        assert "very-secret" not in answer.text
    assert stored(world) == []


def test_what_is_wrong_with_a_credential_is_told_and_nothing_is_stored(
    pages: WebPages, world: World
) -> None:
    alice = pages.administrator()
    chosen = {"names": "www.example.org", "way": "new", "step": "preview"}
    named = {"provider": "bunny", "credential_name": "mine"}
    script = "<script>alert(1)</script>"
    for fields, told in (
        ({}, "choose a credential, or enter a new one"),
        ({"credential_name": "mine"}, "choose the DNS provider"),
        (named, "fill in what bunny.net needs: api_key"),
        ({**named, "field.api_key": "k", "field.nonsense": script}, "nonsense"),
        ({**named, "field.api_key": "k", "expires": "soon"}, "is not a date"),
        ({**named, "field.api_key": "k", "credential_name": script}, "not a valid credential name"),
        ({**named, "field.api_key": script, "names": ""}, "at least one name"),
        ({**named, "field.api_key": script, "names": script}, "&lt;script&gt;"),
    ):
        answer = alice.post("/new-certificate", None, **{**chosen, **fields})
        assert (answer.status, told in answer.text) == (400, True), told
        assert "<script>alert" not in answer.text
    tried = alice.post("/new-certificate/test", None, **named)
    assert (tried.status, "fill in" in tried.text) == (400, True)
    assert stored(world) == []
    unknown = alice.post("/new-certificate", None, **{**chosen, **named, "provider": "x"})
    assert unknown.status == 404
    good = {**chosen, **named, "field.api_key": "very-secret", "step": "store"}
    answer = alice.post("/new-certificate", None, **good)
    assert (answer.status, "mine is stored" in answer.text) == (200, True)
    assert "very-secret" not in answer.text
    again = alice.post("/new-certificate", None, **good)
    assert (again.status, "already exists" in again.text) == (400, True)
    # What is stored is not said to have failed because something else is refused.
    good |= {"credential_name": "other", "step": "preview", "delegation": "nonsense"}
    refused = alice.post("/new-certificate", None, **good)
    assert refused.status == 400
    assert stored(world) == ["mine"]
