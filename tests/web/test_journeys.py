"""What people do with the pages, in a real browser, against a real CA and real DNS servers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import change_txt
from tests.support.web_pages import PASSWORD, Answer, WebPages
from tests.support.world import World
from tests.web.conftest import Watch
from tests.web.visiting import become_administrator, reload_until_over, request


def begin_certificate(watch: Watch, pages: WebPages, names: str, method: str) -> Page:
    """Return the form for a new certificate, filled in by the first administrator."""
    page = watch(pages.url).page
    become_administrator(page, pages.link)
    page.goto("/new-certificate")
    page.get_by_label("One per line").fill(names)
    page.get_by_label(method).check()
    return page


def test_from_the_first_link_to_a_certificate_that_is_downloaded(
    watch: Watch, pages: WebPages, world: World
) -> None:
    page = watch(pages.url).page
    become_administrator(page, pages.link)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Request the first certificate").click()
    page.get_by_label("One per line").press_sequentially("example.com *.example.com")
    expect(page.locator("#looks")).to_contain_text("zone example.com")
    page.get_by_label("with a stored credential").check()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("Issuing it would work")
    assert world.listed() == []  # nothing is saved before it is requested
    request(page)
    expect(page.locator("#run-status")).to_have_text("done")
    expect(page.locator("#panel")).to_contain_text("example.com is issued")
    expect(page.locator("#log")).to_contain_text("2 challenges handed to the CA")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download fullchain.pem").click()
    live = world.home / "live" / "example.com" / "fullchain.pem"
    assert download.value.path().read_bytes() == live.read_bytes()
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All is well")


def test_an_order_that_pauses_for_a_person_shows_which_records_are_there_and_continues(
    watch: Watch, pages: WebPages, world: World
) -> None:
    page = begin_certificate(watch, pages, "manual.example.com", "By hand")
    page.get_by_role("button", name="Preview").click()
    request(page)
    expect(page.locator("#run-status")).to_have_text("awaiting user")
    expect(page.locator("#panel")).to_contain_text("missing at ns1.example.com")
    record = page.locator(".record code").inner_text()
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 certificate needs attention")
    name, *_, quoted = record.split()
    change_txt.change(world.knot.port, name.rstrip("."), quoted.strip('"'))
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#run-status")).to_have_text("done")
    expect(page.locator("#log")).to_contain_text("seen at ns1.example.com")
    expect(page.locator("#panel")).to_contain_text("manual.example.com is issued")
    expect(page.locator("#panel")).to_contain_text("You can delete this record now")
    expect(page.locator("#panel")).to_contain_text(record)
    assert [one["status"] for one in world.listed()] == ["valid"]


def test_a_record_that_stays_is_created_from_the_preview_and_then_the_order_needs_nobody(
    watch: Watch, pages: WebPages, world: World
) -> None:
    page = begin_certificate(watch, pages, "stays.example.com", "By a TXT record that stays")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("create it once, it stays")
    name, _, _, _, quoted = page.locator("#preview .record code").inner_text().split(" ", 4)
    assert name == "_validation-persist.stays.example.com."
    change_txt.change(world.knot.port, name.rstrip("."), quoted.strip('"'))
    page.get_by_role("button", name="Preview again").click()
    expect(page.locator("#preview")).to_contain_text("Issuing it would work")
    request(page)
    expect(page.locator("#run-status")).to_have_text("done")


def test_what_an_account_at_a_private_ca_needs_is_named_as_its_form_names_it(
    servers: World, tmp_path: Path
) -> None:
    with WebPages(servers.at(tmp_path).home) as pages:
        alice, ca = pages.administrator(), servers.pebble
        given = {"directory": ca.directory_url, "name": "own"}
        assert '<details class="small">' in alice.get("/accounts/new").text
        unknown = alice.post("/accounts/new", None, **given)
        assert "as &#39;File of roots to trust&#39; below" in unknown.text
        assert "--ca-bundle" not in unknown.text
        assert '<details class="small" open>' in unknown.text
        wanted = {"names": "a.example.com", "way": "manual", "directory": ca.directory_url}
        previewed = alice.post("/new-certificate", None, **wanted, step="preview")
        assert "&#39;File of roots to trust&#39; when you register an account" in previewed.text
        assert "--ca-bundle" not in previewed.text
        given["ca_bundle"] = str(ca.ca_bundle)
        unread = alice.post("/accounts/new", None, **given)
        assert "terms of service (data:text/plain," in unread.text
        assert alice.post("/accounts/new", None, **given, agree="yes").status == 303


def test_only_what_was_previewed_is_requested(pages: WebPages, world: World) -> None:
    alice = pages.administrator()

    def send(step: str, previewed: str = "", **fields: str) -> Answer:
        chosen = {"way": "credential", "credential": "dns", "key_type": "ec256", **fields}
        return alice.post("/new-certificate", None, step=step, previewed=previewed, **chosen)

    def shown(answer: Answer) -> str:
        assert answer.status == 200, answer.text
        (previewed,) = re.findall(r'name="previewed" value="(\w+)"', answer.text)
        return str(previewed)

    first = shown(send("preview", names="a.example.com"))
    for other in ({"names": "b.example.com"}, {"names": "a.example.com", "key_type": "rsa2048"}):
        late = send("request", first, **other)
        assert "changed what is wanted after the preview" in late.text
        assert shown(late) != first
    unseen = send("request", names="a.example.com")
    assert (shown(unseen), world.listed()) == (first, [])
    answer = send("request", shown(late), **other)
    assert (answer.status, answer.headers["Location"][:6]) == (303, "/runs/")


def test_of_many_names_a_preview_shows_first_what_is_wrong(pages: WebPages) -> None:
    names = [f"host{number}.example.com" for number in range(6)]
    alice = pages.administrator()
    chosen = {"way": "credential", "credential": "dns", "key_type": "ec256", "step": "preview"}
    page = alice.post("/new-certificate", None, names=" ".join([*names, "a.invalid"]), **chosen)
    told, _, quiet = page.text.partition("<h3>Without remarks</h3>")
    assert re.findall(r"<h3>(.+)</h3>", told) == ["a.invalid"]
    assert re.findall(r"<details><summary>(.+?)</summary>", quiet)[:6] == names
    as_written = "xn--mnchen-3ya.example.com (münchen.example.com)"
    page = alice.post("/new-certificate", None, names="münchen.example.com", **chosen)
    assert f"<h3>{as_written}</h3>" in page.text
    looked = alice.get("/new-certificate/look?names=m%C3%BCnchen.example.com")
    assert f"<b>{as_written}</b>" in looked.text


def test_a_credential_that_is_wrong_says_what_is_wrong_and_works_once_it_is_changed(
    watch: Watch, pages: WebPages, world: World
) -> None:
    page = watch(pages.url).page
    become_administrator(page, pages.link)
    secret = world.knot.secret_file.read_text().strip()
    page.goto("/credentials/dns")
    page.get_by_label("secret").fill("d3Jvbmc=")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Zone").fill("example.com")
    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.locator("#run-status")).to_have_text("failed")
    expect(page.locator("#panel")).to_contain_text("It does not work")
    expect(page.locator("#panel").get_by_role("alert")).to_have_count(0)  # it is said once
    page.goto("/credentials/dns")
    page.get_by_label("secret").fill(secret)
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Zone").fill("example.com")
    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.locator("#run-status")).to_have_text("done")
    expect(page.locator("#panel")).to_contain_text("removed again")


def test_a_certificate_is_requested_and_renewed_without_javascript(
    watch: Watch, pages: WebPages, world: World
) -> None:
    page = watch(pages.url, java_script_enabled=False).page
    become_administrator(page, pages.link)
    page.goto("/new-certificate")
    page.get_by_label("One per line").fill("plain.example.com")
    page.get_by_role("button", name="Look at the names").click()
    expect(page.locator("#looks")).to_contain_text("zone example.com")
    page.get_by_label("with a stored credential").check()
    page.get_by_role("button", name="Preview").click()
    request(page)
    reload_until_over(page)
    before = world.shown("plain.example.com")["serial"]
    page.goto("/certificates")
    page.get_by_label("plain.example.com").check()
    page.get_by_label("With those ticked").select_option("renew now")
    page.get_by_role("button", name="Do it").click()
    page.wait_for_url("**/runs/*")
    reload_until_over(page)
    assert world.shown("plain.example.com")["serial"] != before


def test_a_page_that_is_loaded_again_goes_on_where_the_events_were(
    watch: Watch, pages: WebPages, world: World
) -> None:
    page = watch(pages.url).page
    become_administrator(page, pages.link)
    world.good("add", "two.example.com", "--credential", "dns")
    page.goto("/certificates/two.example.com")
    page.get_by_role("button", name="Renew now").click()
    expect(page.locator("#run-status")).to_have_text("done")
    expect(page.locator("#panel")).to_contain_text("two.example.com is issued")
    lines = page.locator("#log li").all_inner_texts()
    page.reload()
    assert page.locator("#log li").all_inner_texts() == lines
    assert len(lines) == len(set(lines))
    log = page.locator("#log")
    more = """one => {
      one.insertAdjacentHTML("beforeend", "<li>more</li>".repeat(99));
      document.dispatchEvent(new Event("htmx:after:swap"));
      return one.scrollTop;
    }"""
    assert log.evaluate(more) > 0  # its end is shown
    log.evaluate("one => { one.scrollTop = 0; }")
    expect(log).to_have_attribute("data-read", "")
    assert log.evaluate(more) == 0  # but not to who reads above
    page.get_by_role("link", name="two.example.com").first.click()
    page.get_by_role("link", name="History").click()
    expect(page.locator(".log").first).to_contain_text("POST")  # what was asked of the CA


def test_a_certificate_is_requested_with_a_method_for_some_of_its_names(
    watch: Watch, pages: WebPages, world: World
) -> None:
    names = "two.example.com two.example.net"
    page = begin_certificate(watch, pages, names, "with a stored credential")
    page.get_by_role("button", name="Another method for some of the names").click()
    second = page.get_by_role("group", name="Method 2")
    second.get_by_label("How it validates").select_option("credential:dns")
    second.get_by_label("For which names").fill("a b")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_contain_text("method 2: in the match rule")
    second.get_by_label("For which names").fill("*.example.net")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("one label below *.example.net")
    expect(second).to_contain_text("Validates two.example.net.")
    request(page)
    expect(page.locator("#run-status")).to_have_text("done")
    method = world.shown("two.example.com")["definition"]["method"]
    assert method == [{"credential": "dns"}, {"match": "*.example.net", "credential": "dns"}]


SEVERAL = (
    *("add", "a.example", "*.a.example", "www.b.example", "--combined", "--account=letsencrypt"),
    *("--method", 'match="*.a.example", credential="dns"'),
    *("--method", 'match="www.b.example", provider="acme-dns", fields={server="https://auth.x"}'),
)


def methods_of(world: World) -> Any:
    return world.shown("a.example")["definition"]["method"]


def press(page: Page, name: str, method: int) -> None:
    page.get_by_role("group", name=f"Method {method}").get_by_role("button", name=name).click()


@pytest.mark.parametrize("script", [True, False])
def test_methods_are_added_moved_and_removed_in_a_browser(
    watch: Watch, world: World, pages: WebPages, script: bool
) -> None:
    world.good(*SEVERAL)
    watched = watch(pages.url, java_script_enabled=script)
    watched.use_cookies(pages.administrator().cookies)
    page = watched.page
    page.goto("/certificates/a.example/definition")
    expect(page.get_by_label("Write combined.pem")).to_be_checked()
    first = page.get_by_role("group", name="Method 1")
    expect(first).to_contain_text("Validates a.example, *.a.example.")
    second = page.get_by_role("group", name="Method 2").get_by_label("How it validates")
    expect(second).to_contain_text("By acme-dns with server=https://auth.x, as it is")
    names = "a.example *.a.example www.b.example c.example"
    page.get_by_label("One per line").fill(names)
    page.get_by_role("button", name="Add a method").click()
    expect(page.get_by_label("One per line")).to_have_value(
        "a.example *.a.example www.b.example c.example"
    )
    third = page.get_by_role("group", name="Method 3")
    third.get_by_label("How it validates").select_option("By hand")
    third.get_by_text("Delegation, zone").click()
    third.get_by_label("Wait", exact=True).fill("120")
    press(page, "Up", 3)
    press(page, "Up", 2)
    expect(first).to_contain_text("Validates c.example.")
    expect(first.get_by_label("Wait", exact=True)).to_have_value("120")
    assert len(methods_of(world)) == 2  # nothing is saved before it is
    first.get_by_label("For which names").fill("c.example")
    page.get_by_label("One per line").press("Tab")
    first.get_by_label("For which names").press("Enter")  # which saves
    expect(page.get_by_role("status")).to_contain_text("Saved: ")
    assert methods_of(world) == [
        {"match": "c.example", "provider": "manual", "propagation": 120},
        {"match": "*.a.example", "credential": "dns"},
        {
            "match": "www.b.example",
            "provider": "acme-dns",
            "fields": {"server": "https://auth.x"},
        },
    ]
    press(page, "Remove", 3)
    page.get_by_role("group", name="Method 1").get_by_label("For which names").fill("")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("status")).to_contain_text("Saved: ")
    assert [one.get("match") for one in methods_of(world)] == [None, "*.a.example"]
    shown = world.shown("a.example")["definition"]
    assert (shown["combined"], shown["account"]) == (True, "letsencrypt")
