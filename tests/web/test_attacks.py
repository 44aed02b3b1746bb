"""What is tried against the pages: no session, too small a role, other origins, other hosts."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.cli.inside import Inside
from tests.support.web_pages import PASSWORD, Answer, Client, WebPages
from zoneproof.manager.people.roles import ROLES, may
from zoneproof.web.app import every_page
from zoneproof.web.signing.session import Failures
from zoneproof.web.visits import Page

NAMES = {"name": "a.example", "file": "fullchain.pem"}
PAGES = every_page()
FOR_SOMEBODY = [page for page in PAGES if page.role]
CHANGING = [page for page in PAGES if page.method == "POST"]


def path_of(page: Page) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: NAMES[match[1]], page.path)


def visit(client: Client, page: Page, **headers: str) -> Answer:
    if page.method == "GET":
        return client.get(path_of(page), headers)
    return client.post(path_of(page), headers)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebPages]:
    with WebPages(tmp_path_factory.mktemp("home") / "home") as running:
        yield running
        assert not [line for line in running.server.lines if "Traceback" in line]


@pytest.fixture(scope="module")
def people(pages: WebPages) -> dict[str, Client]:
    administrator = pages.administrator()
    viewer = pages.user(administrator, "victor", "viewer")
    operator = pages.user(administrator, "olga", "operator")
    return {"administrator": administrator, "viewer": viewer, "operator": operator}


def called(page: Page) -> str:
    return f"{page.method} {page.path}"


@pytest.mark.parametrize("page", FOR_SOMEBODY, ids=called)
def test_without_a_session_a_page_shows_nothing_and_does_nothing(
    pages: WebPages, people: dict[str, Client], page: Page
) -> None:
    answer = visit(pages.stranger(), page)
    if page.method == "GET":
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/sign-in?to=")
        assert answer.body == b""
    else:
        assert answer.status == 401
    made_up = visit(Client(pages.url, {"__Host-zoneproof": "x" * 43}), page)
    assert made_up.status in (303, 401)


@pytest.mark.parametrize("page", FOR_SOMEBODY, ids=called)
def test_each_role_may_do_what_the_page_says_and_nothing_else(
    people: dict[str, Client], page: Page
) -> None:
    assert page.role
    for role in ROLES:
        if may(role, page.role) and page.method == "POST":
            continue  # what they do is tested elsewhere
        answer = visit(people[role], page)
        assert (answer.status == 403) == (not may(role, page.role)), answer.text


@pytest.mark.parametrize("page", CHANGING, ids=called)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": ""},
    ],
    ids=str,
)
def test_only_the_servers_own_pages_may_change_something(
    people: dict[str, Client], page: Page, headers: dict[str, str]
) -> None:
    answer = visit(people["administrator"], page, **headers)
    assert answer.status == 403
    assert "nothing was done" in answer.text


def test_a_browser_that_says_no_site_is_judged_by_the_origin(pages: WebPages) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    ours = pages.url
    port = ours.rpartition(":")[2]
    for origin, status in (
        (ours, 401),
        ("null", 403),
        ("https://evil.example", 403),
        (f"http://localhost:{port}", 403),
        ("", 403),
    ):
        headers = kind | ({"Origin": origin} if origin else {})
        answer = pages.stranger().send("POST", "/sign-in", b"name=a&password=b", headers)
        assert answer.status == status, origin


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:80", "", "a b", "[::1", "localhost.evil.example"],
)
def test_a_name_that_is_not_the_servers_is_refused(
    pages: WebPages, people: dict[str, Client], host: str
) -> None:
    for path in ("/", "/sign-in", "/assets/style.css"):
        answer = people["administrator"].get(path, {"Host": host})
        assert answer.status in (400, 421)
        assert "alice" not in answer.text


def test_a_name_that_the_server_is_started_with_is_answered(pages: WebPages) -> None:
    with WebPages(pages.home, "--host", "certs.example.com") as named:
        assert "certs.example.com" in named.link
        client = Client(f"http://127.0.0.1:{named.url.rpartition(':')[2]}")
        assert client.get("/sign-in", {"Host": "certs.example.com"}).status == 200
        assert client.get("/sign-in", {"Host": "other.example.com"}).status == 421


@pytest.mark.parametrize("page", PAGES, ids=called)
def test_every_answer_protects_itself(
    pages: WebPages, people: dict[str, Client], page: Page
) -> None:
    answer = visit(pages.stranger(), page)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_link_works_once(pages: WebPages, people: dict[str, Client]) -> None:
    answer = pages.stranger().get(pages.link.removeprefix(pages.url))
    assert answer.status == 400
    assert "used already" in answer.text


def test_guessing_is_slowed_and_told(pages: WebPages, people: dict[str, Client]) -> None:
    stranger = pages.stranger()
    statuses = []
    while 429 not in statuses:
        answer = stranger.post("/sign-in", name="victor", password="wrong password")
        statuses.append(answer.status)
        assert len(statuses) < 100
    assert set(statuses[:-1]) == {401}
    assert "try again in" in answer.text
    assert "sign-in failed" in people["administrator"].get("/audit?q=victor").text


@pytest.mark.parametrize(
    "keys", [("user a", "address 1"), ("user a", "address 2"), ("user c", "address 1")]
)
def test_a_name_and_an_address_have_few_attempts(keys: tuple[str, str]) -> None:
    now = 0.0
    failures = Failures(clock=lambda: now)
    assert [failures.wait("user a", "address 1") > 0 for _ in range(6)] == [False] * 5 + [True]
    assert failures.wait(*keys) > 0
    assert failures.wait("user b", "address 3") == 0
    now = 20.0
    assert failures.wait(*keys) == 0
    assert failures.wait(*keys) > 0


def test_what_follows_signing_in_is_on_this_server(
    pages: WebPages, people: dict[str, Client]
) -> None:
    for to in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = people["administrator"].get(f"/sign-in?to={to}")
        assert answer.headers["Location"] == "/"


def test_a_session_ends_where_it_is_ended_and_with_its_user(
    pages: WebPages, people: dict[str, Client]
) -> None:
    administrator = people["administrator"]
    gone = pages.user(administrator, "gustav", "viewer")
    assert gone.get("/").status == 200
    assert administrator.post("/users/gustav/remove").status == 303
    assert gone.get("/").status == 303
    left = pages.user(administrator, "lea", "viewer")
    kept = dict(left.cookies)
    assert left.post("/sign-out").status == 303
    assert left.cookies == {}
    assert Client(pages.url, kept).get("/").status == 303  # the cookie is good for nothing


def test_the_only_administrator_stays(people: dict[str, Client]) -> None:
    answer = people["administrator"].post("/users/alice/remove")
    assert answer.status == 400
    assert "the only administrator" in answer.text
    assert people["administrator"].post("/users/alice/role", role="viewer").status == 400


def test_cookies_are_for_this_host_and_no_script(pages: WebPages) -> None:
    with WebPages(pages.home.with_name("other")) as fresh:
        token = fresh.link.partition("token=")[2]
        answer = fresh.stranger().post(
            "/welcome", token=token, name="bob", password=PASSWORD, again=PASSWORD
        )
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-zoneproof=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_other_addresses_than_loopback_need_tls(inside: Inside, listen: str) -> None:
    result = inside.run("web", "--listen", listen)
    assert result.status == 2
    assert "only with TLS" in result.stderr


def twice(url: str, header: str, *values: str) -> int:
    """Return the status of the first page, asked for with a header that stands there twice."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.putrequest("GET", "/")
    for value in values:
        connection.putheader(header, value)
    connection.endheaders()
    with closing(connection):
        return connection.getresponse().status


def test_a_proxy_names_the_user_and_nobody_else_does(
    pages: WebPages, people: dict[str, Client]
) -> None:
    header = {"X-Remote-User": "victor"}
    assert pages.stranger().get("/", header).status == 303
    options = ("--user-header", "X-Remote-User", "--proxy")
    with WebPages(pages.home, *options, "127.0.0.1") as behind:
        known = behind.stranger().get("/", header)
        assert known.status == 200
        assert "victor" in known.text
        assert behind.stranger().get("/users", header).status == 403  # victor is a viewer
        assert "Sign out" not in known.text
        assert 'type="password"' not in behind.stranger().get("/me", header).text
        for unknown, told in (
            ({"X-Remote-User": "nobody"}, "<code>zoneproof web user add nobody</code>"),
            ({}, "names nobody: it has to send the user&#39;s name as <code>X-Remote-User</code>"),
        ):
            assert behind.stranger().get("/?signed-in=1", unknown).status == 303
            refused = behind.stranger().get("/sign-in?signed-in=1", unknown)
            assert (refused.status, told in refused.text) == (403, True), refused.text
            assert "<form" not in refused.text
            assert "did not keep the session" not in refused.text
        assert behind.stranger().get("/api/v1/accounts", header).status == 200
        assert twice(behind.url, "X-Remote-User", "alice", "victor") == 303
    with WebPages(pages.home, *options, "192.0.2.1") as elsewhere:
        assert elsewhere.stranger().get("/", header).status == 303
        forwarded = {**header, "X-Forwarded-For": "192.0.2.1"}
        assert elsewhere.stranger().get("/", forwarded).status == 303


def test_an_operator_chooses_no_folder_no_port_and_no_other_ca(
    people: dict[str, Client],
) -> None:
    for chosen in (
        {"way": "webroot", "webroot": "/etc"},
        {"way": "standalone"},
        {"way": "manual", "directory": "http://127.0.0.1:1/dir"},
        {"way": "manual", "account": "http://127.0.0.1:1/dir"},
        {"way": "manual", "method": "0", "method.0.way": "webroot", "method.0.webroot": "/etc"},
        {"way": "manual", "method": "0", "method.0.way": "standalone"},
        {"way": "new", "provider": "script", "field.create": "/bin/true"},
        {"step": "look", "account": "https://ca.example/dir"},
    ):
        answer = people["operator"].post("/new-certificate", None, names="a.example", **chosen)
        assert answer.status == 400
        assert "only an administrator chooses" in answer.text
    script = '{"provider": "script", "fields": {"create": "/bin/true", "delete": "/bin/true"}}'
    for way in ("as it is", ""):  # which would let an operator run programs
        fields = {"method": "0", "method.0.was": script, "method.0.way": way}
        answer = people["operator"].post(
            "/new-certificate", None, names="a.example", way="manual", **fields
        )
        assert (answer.status, "method 2: choose how" in answer.text) == (400, True)
    looked = "/new-certificate/look?names=a.example&account=https://ca.example/dir"
    answer = people["operator"].get(looked)
    assert (answer.status, "only an administrator chooses" in answer.text) == (400, True)
    assert people["operator"].get("/new-certificate/look?names=").status == 200
