"""A session that has ended while somebody types."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.web_pages import PASSWORD, WebPages
from tests.web.conftest import Watch
from tests.web.visiting import become_administrator

PART = {"HX-Request": "true"}


def test_a_part_of_a_page_says_so_and_leads_to_signing_in(pages: WebPages) -> None:
    for method, path in (
        ("GET", "/new-certificate/look?names=example.com"),
        ("GET", "/certificates?q=a"),
        ("POST", "/new-certificate/test"),
    ):
        headers = PART | {"Sec-Fetch-Site": "same-origin"}
        answer = pages.stranger().send(method, path, headers=headers)
        assert (answer.status, answer.headers["HX-Reselect"]) == (401, "#signed-out")
        assert answer.text.startswith('<div class="alert warn" role="alert" id="signed-out">')
        assert "Your session has ended" in answer.text
        assert '<a href="/sign-in" target="_blank">' in answer.text
    whole = pages.stranger().post("/new-certificate", names="example.com")
    assert (whole.status, "Nothing was done" in whole.text) == (401, True)
    assert '<a href="/sign-in" target="_blank">' in whole.text


def test_a_part_of_a_page_says_in_its_place_what_is_wrong(pages: WebPages) -> None:
    alice = pages.administrator()
    for path, status, text in (
        ("/certificates/none.example", 404, "There is no managed certificate"),
        ("/nowhere", 404, "There is nothing at this path"),
    ):
        answer = alice.get(path, PART)
        assert (answer.status, answer.headers["HX-Reselect"]) == (status, "#problem")
        assert answer.text.startswith('<div class="alert" role="alert" id="problem">' + text)


def test_what_was_typed_is_still_there_after_signing_in_again(
    watch: Watch, pages: WebPages
) -> None:
    page = watch(pages.url).page
    become_administrator(page, pages.link)
    page.goto("/new-certificate")
    page.context.clear_cookies()
    page.get_by_label("One per line").press_sequentially("example.com")
    expect(page.locator("#looks")).to_have_text(
        "Your session has ended. Sign in in a new tab, then go on here."
    )
    page.get_by_label("By hand").check()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing was done")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in in a new tab").click()
    opened.value.get_by_label("Name").fill("alice")
    opened.value.get_by_label("Password").fill(PASSWORD)
    opened.value.get_by_role("button", name="Sign in").click()
    expect(opened.value.get_by_role("link", name="Overview")).to_be_visible()
    page.reload()
    expect(page.get_by_label("One per line")).to_have_value("example.com")
    expect(page.locator("#preview")).to_contain_text("create")
