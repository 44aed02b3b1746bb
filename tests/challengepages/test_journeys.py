"""What a tenant and the operator do with the pages, in a browser, with real servers behind."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.challengepages.conftest import Watch
from tests.support.challenge_service import Service, register, request, txt, update, write_config
from tests.support.client_world import ClientWorld, open_client_world
from tests.support.peers.certbot import certonly
from tests.support.service_pages import ServicePages, prepare
from tests.support.web_pages import seen

LONG = 60_000  # milliseconds


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientWorld]:
    with open_client_world(tmp_path_factory.mktemp("world")) as world:
        with world.service.config.open("a") as config:
            config.write(
                f'\n[pages]\nresolvers = ["127.0.0.1:{world.unbound.port}"]\n'
                f"authoritative_port = {world.knot.port}\n"
            )
        world.service.process.send_signal(signal.SIGHUP)
        world.service.wait_for_line("configuration reloaded")
        yield world


def sign_in(page: Page, root: str, key: str) -> None:
    page.goto(f"{root}/")
    page.get_by_label("key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("nav").first).to_be_visible()


def pasted(page: Page, client: str) -> list[str]:
    """Return what the set-up of a client shows to paste."""
    part = page.locator("details").filter(has=page.get_by_text(client, exact=False)).first
    part.locator("summary").click()
    return part.locator("pre").all_inner_texts()


def test_a_tenant_comes_from_the_key_to_a_certificate_with_certbot(
    watch: Watch, world: ClientWorld, tmp_path: Path
) -> None:
    page = watch(world.service.url).page
    sign_in(page, "/portal", world.licence_key)
    page.get_by_role("link", name="New registration").first.click()
    page.get_by_label("Domain").fill("example.com")
    page.get_by_role("button", name="Register").click()
    fulldomain = page.locator("#fulldomain").inner_text()
    accounts, settings, command = pasted(page, "certbot")

    page.get_by_role("link", name="To the registration").click()
    page.get_by_role("button", name="Is it there?").click()
    expect(page.locator("#looked")).to_contain_text("missing at", timeout=LONG)
    world.create_cname(fulldomain)
    page.get_by_role("button", name="Is it there?").click()
    expect(page.locator("#looked")).to_contain_text("seen at", timeout=LONG)

    (tmp_path / "acmedns.json").write_text(accounts)
    ini = tmp_path / "acmedns.ini"
    ini.write_text(settings.replace("/etc/letsencrypt", str(tmp_path)))
    ini.chmod(0o600)
    options = command.replace("\\\n", " ").replace("'", "").split()[2:]
    certonly(
        world.pebble,
        tmp_path,
        *(option.replace("/etc/letsencrypt", str(tmp_path)) for option in options),
    )
    assert (tmp_path / "live/example.com/fullchain.pem").exists()
    page.reload()
    expect(page.get_by_text("Values that are answered").locator("xpath=..")).to_contain_text(
        "expires"
    )


def test_the_operator_makes_a_tenant_whose_key_works_at_once(
    watch: Watch, pages: ServicePages
) -> None:
    page = watch(pages.url).page
    sign_in(page, "/admin", pages.operator_key)
    page.get_by_role("link", name="New tenant").click()
    page.get_by_label("Name").fill("shop")
    page.get_by_label("Registrations it may have").fill("1")
    page.get_by_label("Last day").fill("2099-12-31")
    page.get_by_role("button", name="Create it").click()
    page.get_by_label("Note").fill("web servers")
    page.get_by_role("button", name="Create a key").click()
    key = page.locator("#licence-key").inner_text()

    account = register(pages.url, key)
    assert update(pages.url, account, txt("a")).status == 200
    page.goto("/admin/tenants/shop")
    expect(page.locator("main")).to_contain_text("1 of 1")
    expect(page.locator("main")).to_contain_text("2099-12-31 23:59 UTC")

    page.get_by_role("link", name="Its registrations").click()
    page.get_by_role("link", name="without a note").click()
    expect(page.locator("main")).to_contain_text(txt("a"))
    page.get_by_role("button", name="Disable").click()
    expect(page.locator("main")).to_contain_text("updates are refused")
    assert update(pages.url, account, txt("b")).status == 401
    assert pages.service.texts(account.fulldomain) == []

    page.goto("/admin/tenants/shop")
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("main")).to_contain_text("no longer works")
    assert pages.stranger().post("/portal/sign-in", key=key).status == 401


def test_a_tenant_rotates_and_deletes_without_javascript(watch: Watch, pages: ServicePages) -> None:
    account = register(pages.url, pages.keys["other"])
    page = watch(pages.url, java_script_enabled=False).page
    sign_in(page, "/portal", pages.keys["other"])
    page.get_by_label("Search").fill(account.subdomain[:8])
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="without a note").click()
    page.get_by_label("Note").fill("mail.example.com")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("mail.example.com")
    page.get_by_role("link", name="New password").click()
    page.get_by_role("button", name="New password").click()
    password = page.locator("#password").inner_text()
    assert update(pages.url, account, txt("a")).status == 401
    assert update(pages.url, account._replace(password=password), txt("a")).status == 200
    page.get_by_role("link", name="To the registration").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete it for good").click()
    expect(page.locator("main")).to_contain_text("The registration is deleted")
    assert pages.service.texts(account.fulldomain) == []


def test_a_quota_that_is_used_up_is_told_with_what_helps(pages: ServicePages) -> None:
    operator = pages.operator()
    operator.post("/admin/new", name="tiny", quota="0", expires="")
    made = operator.submit("/admin/tenants/tiny/keys", note="")
    key = made.text.partition('id="licence-key">')[2].partition("<")[0]
    answer = pages.signed_in("/portal", key).post("/portal/new", domain="example.com")
    assert answer.status == 403
    assert "delete a registration, or ask the operator for more" in answer.text
    assert 'value="example.com"' in answer.text


def test_what_is_refused_in_a_form_is_still_there(pages: ServicePages) -> None:
    account = register(pages.url, pages.keys["team"])
    path, tenant = f"/portal/registrations/{account.subdomain}", pages.tenant()
    mistyped = {"note": "typed", "allowfrom": "192.0.2.0/99", "seen": seen(tenant, path)}
    answer = tenant.post(path, None, **mistyped)
    assert (answer.status, "is not a network" in answer.text) == (400, True)
    assert ('value="typed"' in answer.text, 'value="192.0.2.0/99"' in answer.text) == (True, True)
    operator, path = pages.operator(), "/admin/tenants/team"
    for quota in ("-1", "1.5", "10000001"):
        answer = operator.post(path, quota=quota, expires="2999-01-01", seen=seen(operator, path))
        assert (answer.status, "from 0 to 10,000,000" in answer.text) == (400, True)
        assert (f'value="{quota}"' in answer.text, 'value="2999-01-01"' in answer.text) == (
            True,
            True,
        )


def test_a_registration_is_found_as_people_write_its_domain(pages: ServicePages) -> None:
    tenant = pages.tenant()
    assert tenant.post("/portal/new", domain="www.bücher.example").status == 303
    for text in ("www.b%C3%BCcher", "b%C3%BCcher.example", "xn--bcher"):
        assert "www.xn--bcher-kva.example" in tenant.get(f"/portal/?q={text}").text, text
    assert "No registration matches" in tenant.get("/portal/?q=m%C3%BCnchen").text


def test_the_live_view_waits_while_the_keyboard_is_in_it(watch: Watch, pages: ServicePages) -> None:
    account = register(pages.url, pages.keys["team"])
    watched = watch(pages.url)
    watched.use_cookies(pages.operator().cookies)
    page = watched.page
    page.clock.install()
    assert pages.operator().post("/admin/live", minutes="5").status == 303  # anew: of nothing yet
    page.goto("/admin/live")
    update(pages.url, account, txt("a"))
    rows = page.locator("#seen tbody tr")
    page.clock.run_for(3000)
    expect(rows).to_have_count(1)
    link = rows.get_by_role("link")
    link.focus()
    update(pages.url, account, txt("b"))
    page.clock.run_for(5000)
    expect(link).to_be_focused()
    link.blur()
    page.clock.run_for(3000)
    expect(rows).to_have_count(2)


def test_a_tenant_is_found_among_many(pages: ServicePages) -> None:
    operator = pages.operator()
    for number in range(101):
        operator.post("/admin/new", name=f"many-{number:03}", quota="1", expires="")
    page = operator.get("/admin/?q=MANY-").text
    assert ("many-000" in page, "many-100" in page, "team" in page) == (True, False, False)
    more = re.findall(r'<a href="([^"]+)">More</a>', page)
    assert "many-100" in operator.get(unescape(more[0])).text
    assert "many-042" in operator.get("/admin/?q=042").text
    assert "No tenant matches" in operator.get("/admin/?q=none").text


def test_a_live_view_that_has_ended_can_be_switched_on_again(
    watch: Watch, pages: ServicePages
) -> None:
    operator = pages.operator()
    assert operator.post("/admin/live", minutes="5").status == 303
    watched = watch(pages.url)
    watched.use_cookies(operator.cookies)
    page = watched.page
    page.goto("/admin/live")
    expect(page.get_by_role("button", name="Switch it off")).to_be_visible()
    assert operator.post("/admin/live", minutes="0").status == 303
    expect(page.get_by_role("button", name="On for 5 minutes")).to_be_visible()


def test_an_address_is_no_domain(pages: ServicePages) -> None:
    answer = pages.tenant().post("/portal/new", domain="192.0.2.1")
    assert (answer.status, "over HTTP only" in answer.text) == (400, True)


def test_a_last_day_that_is_over_is_told(pages: ServicePages) -> None:
    operator, told = pages.operator(), "Its last day is over"
    page = operator.submit("/admin/new", name="late", quota="1", expires="2020-01-01").text
    assert told in page
    path = "/admin/tenants/late"
    for expires, is_over in (("2999-01-01", False), ("2021-01-01", True), ("", False)):
        fields = {"quota": "1", "expires": expires, "seen": seen(operator, path)}
        assert (told in operator.submit(path, None, **fields).text) == is_over


def test_a_note_that_is_too_long_is_refused_and_not_cut(pages: ServicePages) -> None:
    account = register(pages.url, pages.keys["team"])
    path = f"/portal/registrations/{account.subdomain}"
    tenant = pages.tenant()
    opened = seen(tenant, path)
    assert tenant.post(path, note="kept", allowfrom="", seen=opened).status == 303
    answer = tenant.post(path, note="x" * 201, allowfrom="")
    assert answer.status == 400
    assert "a note has at most 200" in answer.text
    assert tenant.post(path).status == 400  # and not an empty note
    assert "kept" in tenant.get(path).text


def test_the_key_stands_in_the_setup_only_for_whoever_types_it(pages: ServicePages) -> None:
    tenant = pages.tenant()
    key = pages.keys["team"]
    assert key not in tenant.get("/portal/setup").text
    assert f"team:{key}@" in tenant.post("/portal/setup", key=key).text
    answer = tenant.post("/portal/setup", key=pages.keys["other"])
    assert answer.status == 400
    assert pages.keys["other"] not in answer.text


def test_caa_records_bind_the_account(pages: ServicePages) -> None:
    account = "https://acme-v02.api.letsencrypt.org/acme/acct/1"
    text = pages.tenant().get(f"/portal/caa?account={account}&names=example.com").text
    line = f"example.com. IN CAA 0 issue &#34;letsencrypt.org; accounturi={account};"
    assert line in text


def test_usage_is_counted_when_the_service_stops_and_shown_when_it_starts(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with Service(config) as service:
        operator_key, keys = prepare(config, "team")
        account = register(service.url, keys["team"])
        assert update(service.url, account, txt("a")).status == 200
    with Service(config) as service:
        pages = ServicePages(service, operator_key, keys)
        operator = pages.operator()
        (found,) = operator.get("/admin/usage.json").json["tenants"]
        assert found.pop("month") == operator.get("/admin/usage.json").json["month"]
        assert found == {"tenant": "team", "registrations": 1, "peak": 1, "updates": 1}
        bearer = {"Authorization": f"Bearer {operator_key}"}
        by_rest = request(service.url, "GET", "/api/v1/usage", headers=bearer)
        assert by_rest.json == operator.get("/admin/usage.json").json
        of_tenant = {"Authorization": f"Bearer {keys['team']}"}
        assert request(service.url, "GET", "/api/v1/usage", headers=of_tenant).status == 403
        bad = request(service.url, "GET", "/api/v1/usage?month=2027-13", headers=bearer)
        assert bad.status == 400
        lines = operator.get("/admin/usage.csv").text.splitlines()
        assert lines[0] == "tenant,month,registrations,peak,updates"
        assert lines[1].startswith("team,")
        page = pages.tenant().get(f"/portal/registrations/{account.subdomain}").text
        assert page.partition("Last update</dt>")[2].startswith("<dd><span title=")
