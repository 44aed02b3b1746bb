"""Every page in light, in dark and on a telephone: nothing broken, nothing wider than its box.

With ZONEPROOF_SCREENSHOTS set to a folder, the pictures of the documentation are made there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.manager.conftest import PROFILES
from tests.support.browser import Watched, open_window
from tests.support.looks import LOOKS, change_look, picture, serious
from tests.support.web_pages import Client, WebPages
from tests.support.world import World, open_world, zone_text
from tests.web.conftest import Watch, prepare
from zoneproof.web.app import every_page

# What stands in a path, and the query without which a page has nothing to show.
PATHS = {
    "/certificates/{name}": "/certificates/www.example.com",
    "/certificates/{name}/definition": "/certificates/www.example.com/definition",
    "/certificates/{name}/preview": "/certificates/manual.example.net/preview",
    "/certificates/{name}/deployment": "/certificates/api.example.net/deployment",
    "/certificates/{name}/history": "/certificates/www.example.com/history",
    "/certificates/{name}/revoke": "/certificates/www.example.com/revoke",
    "/certificates/{name}/new-task": "/certificates/www.example.com/new-task?kind=nginx",
    "/certificates/{name}/remove-task": "/certificates/api.example.net/remove-task?task=command",
    "/certificates/{name}/task": "/certificates/api.example.net/task?task=command",
    "/new-certificate/credential": "/new-certificate/credential?provider=cloudflare",
    "/new-certificate/look": "/new-certificate/look?names=www.example.com",
    "/new-certificate": "/new-certificate?names=shop.example.com&way=new&provider=bunny",
    "/credentials/{name}": "/credentials/dns",
    "/credentials/{name}/remove": "/credentials/dns/remove",
    "/users/{name}/remove": "/users/alice/remove",
    "/accounts/remove": "/accounts/remove?name=test-ca",
    "/accounts/roll-over": "/accounts/roll-over?name=test-ca",
    "/accounts/one": "/accounts/one?name=test-ca&caa=example.com",
    "/providers/{name}": "/providers/route53",
    "/new-credential": "/new-credential?provider=cloudflare",
}
NO_PAGES = (
    *("/certificates/{name}/files/{file}", "/runs/{name}", "/runs/{name}/events", "/welcome"),
    *("/sign-in/oidc", "/sign-in/oidc/back", "/tokens/{name}/remove"),
)
PARTS = ("/new-certificate/look", "/new-certificate/credential")  # of a page
LONG_NAME = "redis.master.session.store.payments.production.frankfurt.cluster.example.com"
SHOWN = {
    "/": "overview",
    "/certificates": "certificates",
    "/certificates/{name}": "certificate",
    "/certificates/{name}/preview": "preview",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A home in which there is something to see on every page."""
    zones = {"example.com": zone_text("example.com"), "example.net": zone_text("example.net")}
    folder = tmp_path_factory.mktemp("world")
    with open_world(folder, zones, pebble_config=PROFILES) as world:
        prepare(world, "test-ca")
        for name in ("example.com", "www.example.com", "mail.example.com", "db.example.net"):
            more = [f"*.{name}"] if name == "example.com" else []
            profile = "days" if name.startswith("db") else "default"
            world.good("issue", name, *more, "--credential=dns", f"--profile={profile}")
        world.run("issue", "manual.example.net", "--provider=manual")
        world.good("add", "api.example.net", "--credential=dns", "--deploy-hook=/bin/true")
        world.good("add", LONG_NAME, "--credential=dns")
        yield world


@pytest.fixture(scope="module")
def pages(home: World) -> Iterator[WebPages]:
    with WebPages(home.home) as running:
        yield running


@pytest.fixture(scope="module")
def administrator(pages: WebPages) -> Client:
    client = pages.administrator()
    client.post(f"/certificates/{LONG_NAME}/revoke", reason="superseded")
    return client  # by whom something was refused, which the audit log tells


def shown_pages() -> list[str]:
    return [one.path for one in every_page() if one.method == "GET" and one.path not in NO_PAGES]


@pytest.fixture(scope="module")
def window(browser: Browser, pages: WebPages) -> Iterator[Watched]:
    with open_window(browser, pages.url) as opened:
        yield opened


@pytest.fixture(scope="module", params=shown_pages())
def shown(request: pytest.FixtureRequest, window: Watched, administrator: Client) -> str:
    """Open a page, which the tests then see in every look; return its path."""
    path: str = request.param
    window.context.clear_cookies()
    if path != "/sign-in":
        window.use_cookies(administrator.cookies)
    answer = window.page.goto(PATHS.get(path, path))
    assert answer is not None
    assert answer.status == 200
    return path


@pytest.mark.parametrize("look", LOOKS)
def test_a_page_is_whole_in_every_look(window: Watched, shown: str, look: str) -> None:
    change_look(window.page, look)
    assert window.overflow <= 0
    if shown not in PARTS:
        assert serious(window.page, look) == []
    picture(window.page, SHOWN.get(shown, ""), look)
    assert window.complaints == []


def test_a_run_is_whole_while_it_waits_for_a_person(
    watch: Watch, pages: WebPages, administrator: Client
) -> None:
    for look, options in LOOKS.items():
        watched = watch(pages.url, **options)
        watched.use_cookies(administrator.cookies)
        watched.page.goto("/certificates/manual.example.net")
        watched.page.get_by_role("button", name="Look again").first.click()
        expect(watched.page.locator("#run-status")).to_have_text("awaiting user")
        assert watched.overflow <= 0
        assert serious(watched.page, look) == []
        picture(watched.page, "awaiting", look)


def test_what_is_long_is_whole_in_every_width(
    watch: Watch, home: World, pages: WebPages, administrator: Client
) -> None:
    name = f"{'w' * 63}.example.com"
    home.good("add", name, "--credential=dns", "--deploy-hook=/bin/true")
    watched = watch(pages.url)
    watched.use_cookies(administrator.cookies)
    for width in (1280, 768, 360):
        watched.page.set_viewport_size({"width": width, "height": 800})
        for path in (f"/certificates/{name}", f"/certificates/{name}/deployment", "/me"):
            watched.page.goto(path)
            assert watched.overflow <= 0, (path, width)


def test_several_methods_are_whole_in_every_look(
    watch: Watch, home: World, pages: WebPages, administrator: Client
) -> None:
    first = ("--method", 'match="*.m.example.com", credential="dns"')
    second = ("--method", 'challenge="http-01", listen=":80"')
    names = ("m.example.com", "*.m.example.com", "intranet.example.net")
    home.good("add", *names, *first, *second, "--combined")
    for look, options in LOOKS.items():
        watched = watch(pages.url, **options)
        watched.use_cookies(administrator.cookies)
        watched.page.goto("/certificates/m.example.com/definition")
        expect(watched.page.get_by_role("group", name="Method 2")).to_be_visible()
        assert watched.overflow <= 0
        assert serious(watched.page, look) == []
        watched.page.get_by_role("heading", name="Methods").evaluate("one => one.scrollIntoView()")
        picture(watched.page, "methods", look)


def test_the_look_is_chosen_and_stays(watch: Watch, pages: WebPages, administrator: Client) -> None:
    watched = watch(pages.url, **LOOKS["light"])
    watched.use_cookies(administrator.cookies)
    page = watched.page
    page.goto("/providers")
    page.get_by_role("button", name="Dark").click()
    assert page.url.endswith("/providers")
    page.goto("/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 27)"


def test_the_keyboard_reaches_the_menu_on_a_telephone(
    watch: Watch, pages: WebPages, administrator: Client
) -> None:
    watched = watch(pages.url, **LOOKS["narrow"])
    watched.use_cookies(administrator.cookies)
    watched.page.goto("/")
    expect(watched.page.get_by_role("link", name="Settings")).to_be_hidden()
    watched.page.get_by_label("Show the menu").focus()
    watched.page.keyboard.press("Space")
    expect(watched.page.get_by_role("link", name="Settings")).to_be_visible()


def test_searching_narrows_the_list_while_typing(
    watch: Watch, pages: WebPages, administrator: Client
) -> None:
    watched = watch(pages.url, **LOOKS["light"])
    watched.use_cookies(administrator.cookies)
    page = watched.page
    page.goto("/certificates")
    page.get_by_label("Search").press_sequentially("mail")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page).to_have_url(f"{pages.url}/certificates?q=mail&status=&sort=name")
    page.get_by_label("Search").fill("")
    page.get_by_label("Status").select_option("awaiting user")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator("#list")).to_contain_text("manual.example.net")
