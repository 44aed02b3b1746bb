"""Every page in light, in dark and on a telephone: nothing broken, nothing wider than its box.

With ZONEPROOF_SCREENSHOTS set to a folder, the pictures of the documentation are made there.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.challengepages.conftest import Watch
from tests.support.browser import Watched, open_window
from tests.support.looks import LOOKS, change_look, serious
from tests.support.service_pages import ServicePages
from tests.support.web_pages import Client
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.store.last_questions import LastQuestion
from zoneproof.challengedns.store.opening import open_database
from zoneproof.challengedns.store.usage import Counts, write
from zoneproof.challengepages.app import every_page

NOT_PAGES = (
    *("/admin/usage.csv", "/admin/usage.json", "/admin/tenants/{name}/revoke"),
    *(f"{root}/registrations/{{name}}/credentials" for root in ("/admin", "/portal")),
)
SUBDOMAIN = r"/portal/registrations/([0-9a-f-]{36})"
SHOWN = {"/portal/": "portal", "/admin/tenants/{name}": "tenant"}


@pytest.fixture(scope="module")
def operator(pages: ServicePages) -> Client:
    client = pages.operator()
    client.post("/admin/new", name="customer-with-a-long-name", quota="2", expires="2031-12-31")
    client.get("/admin/")  # which shows the note
    return client


@pytest.fixture(scope="module")
def tenant(pages: ServicePages) -> Client:
    client = pages.tenant()
    for domain in ("example.com", "shop.example.com", "mail.example.net", ""):
        assert client.submit("/portal/new", domain=domain).status == 200
    use(pages.service.config, re.findall(SUBDOMAIN, client.get("/portal/").text))
    return client


def use(config: Path, subdomains: Sequence[str]) -> None:
    """Write what the service counts, and writes once a minute: updates, and questions of a CA."""
    now = int(time.time())
    counts = Counts(
        updates={},
        updated=dict.fromkeys(subdomains[1:], now - 130),
        asked={
            each: LastQuestion(now - 110, "2001:db8:1234:ab00::/56", 2) for each in subdomains[2:]
        },
    )

    async def main() -> None:
        database = open_database(load_config(config))
        await database.write(lambda tx: write(tx, counts))
        await database.close()

    with ThreadPoolExecutor() as threads:  # since the browser's loop runs in this one
        threads.submit(asyncio.run, main()).result()


@pytest.fixture(scope="module")
def subdomain(tenant: Client) -> str:
    return str(re.findall(SUBDOMAIN, tenant.get("/portal/").text)[-1])


def shown_pages() -> list[str]:
    found = [one.root + one.path for one in every_page() if one.method == "GET"]
    return [path for path in found if path not in NOT_PAGES]


@pytest.fixture(scope="module")
def window(browser: Browser, pages: ServicePages) -> Iterator[Watched]:
    with open_window(browser, pages.url) as opened:
        yield opened


@pytest.fixture(scope="module", params=shown_pages())
def shown(
    request: pytest.FixtureRequest,
    window: Watched,
    operator: Client,
    tenant: Client,
    subdomain: str,
) -> str:
    """Open a page, which the tests then see in every look; return its path."""
    path: str = request.param
    window.context.clear_cookies()
    if not path.endswith("/sign-in"):
        window.use_cookies((operator if path.startswith("/admin") else tenant).cookies)
    name = "team" if "/tenants/" in path else subdomain
    answer = window.page.goto(path.format(name=name))
    assert answer is not None
    assert answer.status == 200
    return path


@pytest.mark.parametrize("look", LOOKS)
def test_a_page_is_whole_in_every_look(window: Watched, shown: str, look: str) -> None:
    page = window.page
    change_look(page, look)
    for details in page.locator("details").all()[:3]:
        details.evaluate("one => one.open = false")  # where another look has left it open
        details.locator("summary").click()
    assert window.overflow <= 0
    assert serious(page, look) == []
    folder = os.environ.get("ZONEPROOF_SCREENSHOTS")
    if folder and shown in SHOWN and look == "light":
        page.screenshot(path=Path(folder) / f"challenge-{SHOWN[shown]}.png")
    if everything := os.environ.get("ZONEPROOF_EVERY_SCREENSHOT"):
        file = f"{shown.replace('/', '_').replace('{name}', 'one')}-{look}.png"
        page.screenshot(path=Path(everything) / file, full_page=True)
    assert window.complaints == []


def test_what_is_long_is_whole_in_every_width(
    watch: Watch, pages: ServicePages, operator: Client, tenant: Client, subdomain: str
) -> None:
    operator.post("/admin/tenants/team/keys", note="n" * 200)
    operator.post(f"/admin/registrations/{subdomain}", note="n" * 200, allowfrom="")
    watched = watch(pages.url)
    watched.use_cookies(operator.cookies)
    for width in (1280, 768, 360):
        watched.page.set_viewport_size({"width": width, "height": 800})
        for path in ("/admin/tenants/team", "/admin/registrations"):
            watched.page.goto(path)
            assert watched.overflow <= 0, (path, width)


@pytest.mark.parametrize("look", ["light", "narrow"])
def test_credentials_of_a_new_registration_fit(
    watch: Watch, pages: ServicePages, tenant: Client, look: str
) -> None:
    watched = watch(pages.url, **LOOKS[look])
    watched.use_cookies(tenant.cookies)
    watched.page.goto("/portal/new")
    watched.page.get_by_label("Domain").fill("fits.example.com")
    watched.page.get_by_role("button", name="Register").click()
    watched.page.get_by_text("The CNAME to create").wait_for()
    assert watched.overflow <= 0
    assert serious(watched.page, look) == []
    if everything := os.environ.get("ZONEPROOF_EVERY_SCREENSHOT"):
        watched.page.screenshot(path=Path(everything) / f"made-{look}.png", full_page=True)
