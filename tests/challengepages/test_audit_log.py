"""The audit log on the pages: found by a text, page by page, and each tenant its own."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.challengepages.conftest import Watch
from tests.support.service_pages import ServicePages
from tests.support.web_pages import Client, seen
from zoneproof.challengepages.visits import Refusals

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def numbers(text: str) -> list[str]:
    return re.findall(r"<b>key create</b> ([0-9a-f]{8}) \(number", text)


def test_search_and_paging_reach_every_entry(pages: ServicePages) -> None:
    operator = pages.operator()
    for number in range(230):
        answer = operator.post("/admin/tenants/other/keys", note=f"number {number}")
        assert answer.status == 303
    found: list[str] = []
    path = "/admin/audit?q=number&tenant=other"
    for _ in range(4):
        text = operator.get(path).text
        found += numbers(text)
        older = re.search(r'href="(/admin/audit\?[^"]*before=[^"]*)">Older', text)
        if older is None:
            break
        path = older[1].replace("&amp;", "&")
    assert len(found) == len(set(found)) == 230
    assert len(numbers(operator.get("/admin/audit?q=number%20229").text)) == 1
    assert numbers(operator.get("/admin/audit?q=number&tenant=team").text) == []
    assert operator.get("/admin/audit?before=x").status == 400
    assert operator.get(f"/admin/audit?before={'9' * 40}").status == 400


def test_a_tenant_sees_what_it_and_the_operator_did_and_nothing_of_others(
    watch: Watch, pages: ServicePages
) -> None:
    operator, tenant = pages.operator(), pages.tenant()
    for name, quota in (("team", "19"), ("other", "18")):
        path = f"/admin/tenants/{name}"
        operator.post(path, quota=quota, expires="", seen=seen(operator, path))
    assert tenant.submit("/portal/new", domain="audited.example.com").status == 200
    watched = watch(pages.url)
    watched.use_cookies(tenant.cookies)
    watched.page.goto("/portal/")
    watched.page.get_by_role("link", name="Audit log").click()
    entries = watched.page.locator("#entries tbody tr")
    expect(entries.nth(0)).to_contain_text("registration create")
    expect(entries.nth(0)).to_contain_text("audited.example.com")
    expect(entries.nth(0)).to_contain_text("127.0.0.1")
    expect(entries.nth(1)).to_contain_text("quota 19 (was 20)")
    expect(entries.nth(1)).to_contain_text("operator")
    expect(entries.nth(1)).not_to_contain_text("127.0.0.1")
    watched.page.get_by_label("Search").fill("AUDITED")
    expect(entries).to_have_count(1)
    for query in ("", "?tenant=other", "?q=other", "?q=18", f"?q={pages.operator_key[3:11]}"):
        assert "quota 18" not in tenant.get(f"/portal/audit{query}").text
    assert pages.operator_key[3:11] not in tenant.get("/portal/audit").text


def test_a_crowd_of_strangers_adds_only_so_many_entries() -> None:
    refusals = Refusals()
    noted = [refusals.is_to_be_noted(f"198.51.100.{number}") for number in range(200)]
    assert sum(noted) == 60
    assert sum(Refusals().is_to_be_noted("2001:db8::1") for _ in range(9)) == 9
    one = Refusals()
    assert sum(one.is_to_be_noted(f"2001:db8::{number:x}") for number in range(9)) == 5


def test_what_others_wrote_is_text_there(watch: Watch, pages: ServicePages) -> None:
    operator, tenant = pages.operator(), pages.tenant()
    operator.post("/admin/tenants/team/keys", note=SCRIPT)

    def look(client: Client, root: str) -> None:
        watched = watch(pages.url)  # a dialog or a report would fail the test
        watched.use_cookies(client.cookies)
        watched.page.goto(f"{root}/audit?q=script")
        watched.page.get_by_text("<script>alert(1)</script>").first.wait_for()
        assert watched.page.locator("img").count() == 0
        assert watched.page.locator("main script").count() == 0

    look(operator, "/admin")
    look(tenant, "/portal")
