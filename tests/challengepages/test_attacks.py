"""What strangers, tenants and other sites try with the pages of the service."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.challengepages.conftest import Watch
from tests.support.challenge_service import (
    Service,
    register,
    request,
    txt,
    update,
    write_config,
)
from tests.support.service_pages import ServicePages, prepare
from tests.support.web_pages import Client
from zoneproof.challengedns.store import sessions
from zoneproof.challengepages import visits
from zoneproof.challengepages.app import every_page
from zoneproof.challengepages.visits import SESSION_COOKIE, ServicePage, ServiceVisit
from zoneproof.core.errors import StorageError
from zoneproof.pages.forms import Form

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
CLOSED = [page for page in every_page() if not page.is_open]


@pytest.fixture(scope="module")
def path_of(pages: ServicePages) -> Callable[[ServicePage], str]:
    """Return where a page is, for a registration and a tenant that are not ``other``'s."""
    account = register(pages.url, pages.keys["team"])

    def path(page: ServicePage) -> str:
        name = "team" if "/tenants/" in page.path else account.subdomain
        return f"{page.root}{page.path.format(name=name)}"

    return path


def send(client: Client, page: ServicePage, path: str) -> int:
    if page.method == "GET":
        return client.get(path).status
    return client.post(path, note="", allowfrom="").status  # what a form of these has


def name_of(page: ServicePage) -> str:
    return f"{page.method} {page.root}{page.path}"


@pytest.mark.parametrize("page", CLOSED, ids=name_of)
def test_a_stranger_gets_nowhere(
    pages: ServicePages, path_of: Callable[[ServicePage], str], page: ServicePage
) -> None:
    answer = pages.stranger()
    found = answer.get(path_of(page)) if page.method == "GET" else answer.post(path_of(page))
    if page.method == "GET":
        assert found.status == 303
        assert urlsplit(found.headers["Location"]).path == f"{page.root}/sign-in"
    else:
        assert found.status == 401
    assert b"auth.example.org" not in found.body


@pytest.mark.parametrize("page", [one for one in CLOSED if one.root == "/admin"], ids=name_of)
def test_a_tenant_gets_nowhere_in_the_operators_pages(
    pages: ServicePages, path_of: Callable[[ServicePage], str], page: ServicePage
) -> None:
    assert send(tenant_of(pages, "team"), page, path_of(page)) == 403


@pytest.mark.parametrize(
    "page",
    [one for one in CLOSED if one.root == "/portal" and "{name}" in one.path],
    ids=name_of,
)
def test_another_tenants_registration_is_as_one_that_there_is_not(
    pages: ServicePages, path_of: Callable[[ServicePage], str], page: ServicePage
) -> None:
    assert send(tenant_of(pages, "other"), page, path_of(page)) == 404


def test_another_tenants_registrations_are_in_no_list(
    pages: ServicePages, path_of: Callable[[ServicePage], str]
) -> None:
    account = register(pages.url, pages.keys["team"])
    path = f"/portal/registrations/{account.subdomain}"
    own, other = tenant_of(pages, "team"), tenant_of(pages, "other")
    assert path in own.get(f"/portal/?q={account.subdomain}").text
    for query in ("", f"?q={account.subdomain}", "?tenant=team", "?after=0&tenant=team"):
        found = other.get(f"/portal/{query}").text
        assert path not in found
        assert account.fulldomain not in found


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {},
    ],
)
@pytest.mark.parametrize("root", ["/portal", "/admin"])
def test_another_origin_can_change_nothing(
    pages: ServicePages, root: str, headers: dict[str, str]
) -> None:
    client = pages.operator() if root == "/admin" else tenant_of(pages, "team")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    before = client.get(f"{root}/").text
    answer = client.send("POST", f"{root}/new", b"name=evil&quota=5&domain=evil", form | headers)
    assert answer.status == 403
    assert client.get(f"{root}/").text == before


@pytest.mark.parametrize("host", ["evil.example", "auth.example.org.evil.example", ""])
@pytest.mark.parametrize("path", ["/portal/sign-in", "/admin/", "/assets/x"])
def test_another_host_is_refused(pages: ServicePages, host: str, path: str) -> None:
    answer = pages.stranger().send("GET", path, headers={"Host": host})
    assert answer.status in (400, 421)
    assert b"hosts" in answer.body or answer.status == 400


def test_what_a_client_writes_into_a_note_is_text(watch: Watch, pages: ServicePages) -> None:
    body = json.dumps({"subject": SCRIPT})
    made = request(pages.url, "POST", f"/k/{pages.keys['team']}/register", body).json
    tenant, operator = tenant_of(pages, "team"), pages.operator()
    for root, client in (("/portal", tenant), ("/admin", operator)):
        watched = watch(pages.url)  # a dialog or a report would fail the test
        watched.use_cookies(client.cookies)
        one = f"{root}/registrations/{made['subdomain']}"
        listed = f"{root}/" if root == "/portal" else "/admin/registrations"
        for path in (listed, one, f"{one}/delete", f"{one}?domain={SCRIPT[:25]}"):
            watched.page.goto(path)
            assert watched.page.locator("img").count() == 0
            assert watched.page.locator("main script").count() == 0
        watched.page.goto(one)
        watched.page.get_by_text("<script>alert(1)</script>").first.wait_for()


def test_what_is_typed_into_forms_and_urls_is_text(pages: ServicePages) -> None:
    operator, tenant = pages.operator(), tenant_of(pages, "team")
    for answer in (
        operator.post("/admin/new", name=SCRIPT, quota="1", expires=SCRIPT),
        operator.submit("/admin/tenants/team/keys", note=SCRIPT),
        tenant.post("/portal/new", domain=SCRIPT, allowfrom=SCRIPT),
        tenant.get("/portal/caa?account=%3Cscript%3E&names=%3Cscript%3E&issuer=%3Cscript%3E"),
        tenant.get("/portal/?q=%3Cscript%3E"),
        pages.stranger().get("/portal/sign-in?to=%22%3E%3Cscript%3E"),
    ):
        assert "<script>" not in answer.text
        assert "<img" not in answer.text


def test_signing_in_leads_nowhere_else(pages: ServicePages) -> None:
    for to in ("https://evil.example/", "//evil.example/", "/\\evil.example", "/portal/sign-in"):
        answer = pages.stranger().post("/portal/sign-in", key=pages.keys["team"], to=to)
        assert answer.headers["Location"] == "/portal/"


def test_a_session_ends_with_signing_out_with_its_key_and_with_its_tenant(
    pages: ServicePages,
) -> None:
    operator = pages.operator()
    operator.post("/admin/new", name="passing", quota="5", expires="")
    made = operator.submit("/admin/tenants/passing/keys", note="").text
    key = made.partition('id="licence-key">')[2].partition("<")[0]

    def is_in(client: Client) -> bool:
        return client.get("/portal/").status == 200

    left = pages.signed_in("/portal", key)
    cookie = dict(left.cookies)
    left.post("/portal/sign-out")
    assert not is_in(Client(pages.url, cookie))
    stays = pages.signed_in("/portal", key)
    operator.post("/admin/tenants/passing/disable")
    assert not is_in(stays)
    operator.post("/admin/tenants/passing/enable")
    assert is_in(stays)
    operator.post("/admin/tenants/passing/revoke", id=key[3:11])
    assert not is_in(stays)


def test_of_too_many_sessions_of_a_key_the_oldest_end(pages: ServicePages) -> None:
    bystander = pages.signed_in("/portal", pages.keys["other"])
    for _ in range(sessions.MOST + 20):
        newest = pages.signed_in("/portal", pages.keys["team"])
    path = pages.service.config.parent / "challenge.db"
    with closing(sqlite3.connect(path)) as database:
        found = database.execute(
            "SELECT COUNT(*) FROM challenge_session GROUP BY key_id ORDER BY 1 DESC"
        ).fetchone()
    assert found == (sessions.MOST,)
    assert [one.get("/portal/").status for one in (newest, bystander)] == [200, 200]


def test_no_page_is_kept_and_all_forbid_what_is_not_theirs(pages: ServicePages) -> None:
    tenant = tenant_of(pages, "team")
    for path in ("/portal/", "/portal/sign-in", "/portal/nowhere"):
        headers = tenant.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert "script-src 'self'" in headers["Content-Security-Policy"]
    made = pages.stranger().post("/portal/sign-in", key=pages.keys["team"])
    cookie = made.headers["Set-Cookie"]
    assert cookie.startswith(f"{SESSION_COOKIE}=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))


def test_endpoints_of_clients_stay_the_apis_below_any_path(pages: ServicePages) -> None:
    for prefix in ("/portal", "/admin", f"/portal/k/{pages.keys['team']}"):
        assert request(pages.url, "GET", f"{prefix}/health").status == 200
    account = register(pages.url, pages.keys["team"])
    assert update(pages.url, account, txt("a")).status == 200


def test_a_setting_switches_the_pages_off(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    config.write_text(config.read_text() + "\n[pages]\nenabled = false\n")
    with Service(config) as service:
        for path in ("/portal/", "/admin/", "/portal/sign-in"):
            answer = request(service.url, "GET", path)
            assert answer.status == 404
            assert answer.headers["Content-Type"] == "application/json"
        assert request(service.url, "GET", "/health").status == 200


def test_the_names_of_the_settings_are_those_of_the_pages(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    config.write_text(config.read_text() + '\n[pages]\nhosts = ["challenge.example.org"]\n')
    with Service(config) as service:
        client = Client(service.url)
        for host, status in (("challenge.example.org", 200), ("else.example.org", 421)):
            assert client.send("GET", "/portal/sign-in", headers={"Host": host}).status == status


def test_a_wrong_key_is_told_to_the_log_and_not_shown(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with Service(config) as service:
        operator, _ = prepare(config)
        client = Client(service.url)
        wrong = f"{operator[:-1]}{'A' if operator[-1] != 'A' else 'B'}"
        answer = client.post("/admin/sign-in", key=wrong)
        assert answer.status == 401
        assert wrong not in answer.text
        line = service.wait_for_line(r"refused \(forbidden\)")
        assert "127.0.0.1 refused" in line
        assert wrong not in line


_SIGNED_IN: dict[tuple[str, str], Client] = {}


def tenant_of(pages: ServicePages, name: str) -> Client:
    """Return a tenant who is signed in, without signing in for each test."""
    return _SIGNED_IN.setdefault((pages.url, name), pages.tenant(name))


class WithoutTemplates(ServiceVisit):
    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        return Response(context["message"], status)


def test_a_path_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    path = "/portal/registrations/a\nERROR made up"
    asked = Request({"type": "http", "path": path, "headers": []})
    visit = WithoutTemplates(cast("Any", None), asked, "/portal", None, Form([]))
    assert visits._problem(visit, StorageError("no room")).status_code == 500
    assert caplog.messages == ["/portal/registrations/a\\nERROR made up failed: no room"]
