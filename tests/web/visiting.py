"""What people do with the pages in many tests."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.web_pages import PASSWORD


def become_administrator(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat the password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def request(page: Page) -> None:
    page.get_by_role("button", name="Request the certificate").click()
    page.wait_for_url("**/runs/*")


def reload_until_over(page: Page) -> None:
    """Load the page again until the run is over, as somebody without JavaScript does."""
    for _ in range(600):
        if page.locator("#run-status").inner_text() != "running":
            break
        page.wait_for_timeout(100)
        page.reload()
    expect(page.locator("#run-status")).to_have_text("done")
