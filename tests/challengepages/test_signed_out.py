"""A session that has ended, or a server that is gone, while somebody has a page open."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from tests.challengepages.conftest import Watch
from tests.support.service_pages import ServicePages


def test_what_was_typed_is_still_there_after_signing_in_again(
    watch: Watch, pages: ServicePages
) -> None:
    watched = watch(pages.url)
    watched.use_cookies(pages.operator().cookies)
    page = watched.page
    page.goto("/admin/new")
    page.get_by_label("Name").fill("typed")
    page.context.clear_cookies()
    page.get_by_role("button", name="Create it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing was done")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in in a new tab").click()
    opened.value.get_by_label("Operator's key").fill(pages.operator_key)
    opened.value.get_by_role("button", name="Sign in").click()
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("Tenants")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("typed")


def test_signing_in_leads_back_to_what_was_looked_for(pages: ServicePages) -> None:
    answer = pages.stranger().get("/admin/registrations?q=web&tenant=team")
    assert answer.status == 303
    page = pages.stranger().get(answer.headers["Location"])
    assert 'name="to" value="/admin/registrations?q=web&amp;tenant=team"' in page.text


def test_a_list_stays_and_says_why_it_is_not_searched(watch: Watch, pages: ServicePages) -> None:
    watched = watch(pages.url)
    watched.use_cookies(pages.operator().cookies)
    page = watched.page
    page.goto("/admin/registrations")
    search, found = page.get_by_label("Search"), page.get_by_role("region", name="Registrations")
    lost = page.get_by_text("The connection to the server is lost")

    def bad_gateway(route: Route) -> None:
        route.fulfill(status=502, body="<h1>Bad gateway</h1>", content_type="text/html")

    page.route(lambda url: "q=a" in url, bad_gateway)
    search.fill("a")
    expect(lost).to_be_visible()
    expect(found).to_have_text("No registrations yet.")
    search.fill("b")
    expect(found).to_have_text("No registration matches.")
    expect(lost).to_be_hidden()
    page.context.clear_cookies()
    search.fill("c")
    expect(found).to_have_text("Your session has ended. Sign in in a new tab, then go on here.")
    watched.use_cookies(pages.operator().cookies)
    search.fill("d")
    expect(found).to_have_text("No registration matches.")


def test_the_live_view_goes_on_after_signing_in_again(watch: Watch, pages: ServicePages) -> None:
    watched = watch(pages.url)
    watched.use_cookies(pages.operator().cookies)
    page = watched.page
    page.goto("/admin/live")
    page.get_by_role("button", name="On for 5 minutes").click()
    seen = page.get_by_role("region", name="What was seen")
    expect(seen).to_contain_text("on until")
    page.context.clear_cookies()
    expect(seen).to_contain_text("Your session has ended")
    watched.use_cookies(pages.operator().cookies)
    expect(seen).to_contain_text("on until")
