"""The acme-dns API as stock clients use it, over real HTTP."""

from __future__ import annotations

import base64
import json
import re
import socket
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.support.challenge_service import (
    ZONE,
    Account,
    Service,
    register,
    request,
    txt,
    update,
    write_config,
)

FORBIDDEN = (401, {"error": "forbidden"})
MALFORMED = (400, {"error": "malformed_json_payload"})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    config = write_config(
        tmp_path_factory.mktemp("service"),
        api='cors_origins = ["https://www.example.net"]\ntrusted_proxies = ["127.0.0.1"]',
    )
    with Service(config) as running:
        yield running


@pytest.fixture(scope="module")
def url(service: Service) -> str:
    return service.url


@pytest.fixture(scope="module")
def account(url: str) -> Account:
    return register(url)


def post(url: str, path: str, body: bytes | str | None, **headers: str) -> tuple[int, object]:
    reply = request(url, "POST", path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    assert reply.headers["Content-Type"] == "application/json"
    return reply.status, reply.json


# --- register ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [None, "", "{}", "null", ' {"subject": "x"} ', '{"allowfrom": []}']
)
def test_register_answers_201_with_the_five_fields_on_one_line(url: str, body: str | None) -> None:
    reply = request(url, "POST", "/register", body)
    assert reply.status == 201
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body.startswith(b'{"')
    assert b"\n" not in reply.body
    assert list(reply.json) == ["username", "password", "fulldomain", "subdomain", "allowfrom"]
    assert str(uuid.UUID(reply.json["username"])) == reply.json["username"]
    assert str(uuid.UUID(reply.json["subdomain"])) == reply.json["subdomain"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{40}", reply.json["password"])
    assert reply.json["fulldomain"] == f"{reply.json['subdomain']}.{ZONE}"
    assert reply.json["allowfrom"] == []


def test_registrations_share_nothing(url: str) -> None:
    accounts = [register(url) for _ in range(5)]
    for field in ("username", "password", "subdomain"):
        assert len({getattr(account, field) for account in accounts}) == 5


@pytest.mark.parametrize("key", ["allowfrom", "AllowFrom", "ALLOWFROM"])
def test_allowfrom_comes_back_whatever_its_case(url: str, key: str) -> None:
    networks = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/24"]
    status, answer = post(url, "/register", json.dumps({key: networks}))
    assert status == 201
    assert isinstance(answer, dict)
    assert answer["allowfrom"] == networks


@pytest.mark.parametrize(
    "networks",
    [
        ["192.0.2.1"],
        ["192.0.2.0/33"],
        ["x/24"],
        [""],
        ["192.0.2.0/24", "nonsense\n"],
        ["fe80::1%eth0/64"],
        ["::%\x1bc\nanything/0"],
        ["::/" + "0" * 99],
        [f"192.0.2.{last}/32" for last in range(101)],
    ],
)
def test_what_is_no_cidr_is_refused(url: str, networks: list[str]) -> None:
    status, answer = post(url, "/register", json.dumps({"allowfrom": networks}))
    assert (status, answer) == (400, {"error": "invalid_allowfrom_cidr"})


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"1",
        b'{"allowfrom": "192.0.2.0/24"}',
        b'{"allowfrom": [1]}',
        b"[" * 16_000,
        b"\xff\xfe",
        b'{"\xff": 1}',
        b"{} {}",
        b"a=b&c=d",
    ],
)
def test_json_that_is_none_is_malformed(url: str, body: bytes) -> None:
    assert post(url, "/register", body) == MALFORMED


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "text/plain", "application/json", "multipart/form-data"],
)
def test_the_content_type_does_not_matter(url: str, account: Account, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    assert request(url, "POST", "/register", '{"allowfrom": []}', headers).status == 201
    body = json.dumps({"subdomain": account.subdomain, "txt": txt("c")})
    assert request(url, "POST", "/update", body, {**account.headers, **headers}).status == 200


@pytest.mark.parametrize("prefix", ["", "/", "/acme", "/deep/er", "//"])
@pytest.mark.parametrize("suffix", ["", "/"])
def test_any_way_to_join_a_base_url_reaches_the_endpoints(
    url: str, account: Account, prefix: str, suffix: str
) -> None:
    assert request(url, "POST", f"{prefix}/register{suffix}").status == 201
    body = json.dumps({"subdomain": account.subdomain, "txt": txt("p")})
    path = f"{prefix}/update{suffix}"
    assert request(url, "POST", path, body, account.headers).status == 200
    assert request(url, "GET", f"{prefix}/health{suffix}").status == 200


# --- update ------------------------------------------------------------------------------------


def test_update_answers_the_value(service: Service, account: Account) -> None:
    value = "A-z_0" + "9" * 38
    reply = update(service.url, account, value)
    assert reply.status == 200
    assert reply.body == b'{"txt":"%s"}' % value.encode()
    assert value in service.texts(account.fulldomain)


@pytest.mark.parametrize(("subdomain", "value"), [("SubDomain", "Txt"), ("SUBDOMAIN", "TXT")])
def test_keys_count_in_any_case(url: str, account: Account, subdomain: str, value: str) -> None:
    body = json.dumps({subdomain: account.subdomain, value: txt("k"), "other": [1e3, {"a": None}]})
    assert request(url, "POST", "/update", body, account.headers).status == 200


def test_capitals_in_user_and_subdomain_count_as_small(url: str, account: Account) -> None:
    body = json.dumps({"subdomain": account.subdomain.upper(), "txt": txt("u")})
    headers = {"X-Api-User": account.username.upper(), "X-Api-Key": account.password}
    assert request(url, "POST", "/update", body, headers).status == 200


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a" * 42,
        "a" * 44,
        "a" * 43 + "=",
        "a" * 42 + "=",
        "a" * 42 + "+",
        "a" * 42 + "\n",
        "é" * 43,
    ],
)
def test_what_is_no_dns01_value_is_bad_txt(url: str, account: Account, value: str) -> None:
    body = json.dumps({"subdomain": account.subdomain, "txt": value})
    assert post(url, "/update", body, **account.headers) == (400, {"error": "bad_txt"})


@pytest.mark.parametrize("subdomain", ["", "x", "..", "00000000-0000-4000-8000-00000000000"])
def test_what_is_no_subdomain_is_bad_subdomain(url: str, account: Account, subdomain: str) -> None:
    body = json.dumps({"subdomain": subdomain, "txt": txt("a")})
    assert post(url, "/update", body, **account.headers) == (400, {"error": "bad_subdomain"})


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"subdomain": 1}', b'{"txt": [], "subdomain": ""}']
)
def test_an_update_without_its_json_is_malformed(url: str, account: Account, body: bytes) -> None:
    assert post(url, "/update", body, **account.headers) == MALFORMED


def test_anothers_subdomain_is_forbidden(service: Service, account: Account) -> None:
    other = register(service.url)
    body = json.dumps({"subdomain": other.subdomain, "txt": txt("a")})
    assert post(service.url, "/update", body, **account.headers) == FORBIDDEN
    assert service.texts(other.fulldomain) == []


@pytest.mark.parametrize("body", [b"{", b'{"subdomain": "x", "txt": "y"}', b"", b"[]"])
def test_bad_credentials_are_forbidden_whatever_else_is_wrong(
    url: str, account: Account, body: bytes
) -> None:
    for headers in (
        {},
        {"X-Api-User": account.username},
        {"X-Api-Key": account.password},
        {"X-Api-User": account.username, "X-Api-Key": "x" * 40},
        {"X-Api-User": account.username, "X-Api-Key": account.password + "x"},
        {"X-Api-User": account.username, "X-Api-Key": account.password.swapcase()},
        {"X-Api-User": account.subdomain, "X-Api-Key": account.password},
        {"X-Api-User": str(uuid.uuid4()), "X-Api-Key": account.password},
        {"X-Api-User": "' OR 1=1 --", "X-Api-Key": account.password},
        {"X-Api-User": "\xff", "X-Api-Key": "\xff" * 40},
    ):
        assert post(url, "/update", body, **headers) == FORBIDDEN


def test_delete_withdraws_a_value(service: Service) -> None:
    account = register(service.url)
    update(service.url, account, txt("a"))
    update(service.url, account, txt("b"))
    reply = update(service.url, account, txt("a"), method="DELETE")
    assert (reply.status, reply.json) == (200, {"txt": txt("a")})
    assert service.texts(account.fulldomain) == [txt("b")]
    assert update(service.url, account, txt("a"), method="DELETE").status == 200
    assert update(service.url, account, "x", method="DELETE").json == {"error": "bad_txt"}


def test_posting_a_live_value_changes_nothing_and_a_seventeenth_evicts_the_oldest(
    service: Service,
) -> None:
    account = register(service.url)
    for letter in "abbacdefghijklmnop":
        update(service.url, account, txt(letter))
    assert service.texts(account.fulldomain) == [txt(each) for each in "abcdefghijklmnop"]
    update(service.url, account, txt("q"))
    assert service.texts(account.fulldomain) == [txt(each) for each in "acdefghijklmnopq"]


# --- where it comes from -----------------------------------------------------------------------


def restricted(url: str, *networks: str) -> Account:
    made = request(url, "POST", "/register", json.dumps({"allowfrom": networks})).json
    return Account(*(made[field] for field in Account._fields))


def update_from(url: str, account: Account, *forwarded: str) -> int:
    body = json.dumps({"subdomain": account.subdomain, "txt": txt("a")})
    headers = dict(account.headers)
    if forwarded:
        headers["X-Forwarded-For"] = ", ".join(forwarded)
    return request(url, "POST", "/update", body, headers).status


def test_allowfrom_says_who_may_update(url: str) -> None:
    assert update_from(url, restricted(url, "127.0.0.0/8")) == 200
    assert update_from(url, restricted(url, "192.0.2.0/24", "2001:db8::/32")) == 401
    assert update_from(url, restricted(url, "192.0.2.0/24", "127.0.0.1/32")) == 200


def test_behind_a_trusted_proxy_the_rightmost_other_address_counts(url: str) -> None:
    account = restricted(url, "192.0.2.0/24", "2001:db8::/32")
    for forwarded, status in [
        (["192.0.2.9"], 200),
        (["[2001:db8::5]:443"], 200),
        (["192.0.2.9:4711"], 200),
        (["192.0.2.9", "127.0.0.1"], 200),
        (["192.0.2.9", "198.51.100.1"], 401),
        (["198.51.100.1", "192.0.2.9"], 200),
        (["192.0.2.9", "nonsense"], 401),
        (["nonsense"], 401),
        ([""], 401),
    ]:
        assert update_from(url, account, *forwarded) == status, forwarded


# --- everything else ---------------------------------------------------------------------------


def test_health_is_an_empty_200(url: str) -> None:
    reply = request(url, "GET", "/health")
    assert (reply.status, reply.body) == (200, b"")
    assert request(url, "HEAD", "/health").status == 200


@pytest.mark.parametrize("path", ["/", "/nope", "/register/x", "/healthz", "/api/v2/registrations"])
def test_an_unknown_path_is_404_in_json(url: str, path: str) -> None:
    assert post(url, path, None) == (404, {"error": "not_found"})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/register", {"POST"}),
        ("PUT", "/update", {"POST", "DELETE"}),
        ("GET", "/update", {"POST", "DELETE"}),
        ("POST", "/health", {"GET", "HEAD"}),
        ("PROPFIND", "/health", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_405_in_json(url: str, method: str, path: str, allowed: set[str]) -> None:
    reply = request(url, method, path)
    assert (reply.status, reply.json) == (405, {"error": "method_not_allowed"})
    assert set(reply.headers["Allow"].replace(" ", "").split(",")) == {*allowed, "OPTIONS"}


def test_a_method_that_is_none_of_http_is_refused_in_json(url: str) -> None:
    reply = request(url, "BREW", "/health")
    # httptools knows all methods, and takes no other for HTTP; h11 takes any word.
    assert (reply.status, reply.json) in [
        (400, {"error": "malformed_http_request"}),
        (405, {"error": "method_not_allowed"}),
    ]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/register", "OPTIONS, POST"),
        ("/some/prefix/update/", "DELETE, OPTIONS, POST"),
        ("/health", "GET, HEAD, OPTIONS"),
        ("/api/v1/tenants", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/openapi.json", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_tells_what_a_path_takes(url: str, path: str, allowed: str) -> None:
    reply = request(url, "OPTIONS", path)
    assert (reply.status, reply.headers["Allow"], reply.body) == (204, allowed, b"")


@pytest.mark.parametrize(
    "path", ["/api/v1/openapi.json/", "/api/v1/tenants/", "/nothing/", "//", "/register/x/"]
)
def test_no_answer_leads_where_the_host_header_says(url: str, path: str) -> None:
    for host in ("evil.example", "[", "evil.example/api/v1/x?"):
        reply = request(url, "GET", path, headers={"Host": host})
        assert reply.status in {200, 401, 404}
        assert "Location" not in reply.headers
        assert b"evil" not in reply.body
        if reply.status == 404:
            assert reply.json == {"error": "not_found"}


def test_a_body_above_16_kib_is_refused_and_the_connection_closed(url: str) -> None:
    body = b'{"subject": "%s"}' % (b"x" * 17_000)
    reply = request(url, "POST", "/register", body)
    assert (reply.status, reply.json) == (413, {"error": "payload_too_large"})
    assert reply.headers["Connection"] == "close"
    fits = b'{"subject": "%s"}' % (b"x" * 16_000)
    assert request(url, "POST", "/register", fits).status == 201


def test_a_body_that_is_announced_as_longer_is_refused_before_it_comes(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Length: 16385\r\n\r\n")
        with connection.makefile("rb") as answer:
            # The phrase is Python's, and another one since 3.13.
            phrase = HTTPStatus(413).phrase
            assert answer.readline() == f"HTTP/1.1 413 {phrase}\r\n".encode()
            assert answer.read().endswith(b'\r\n\r\n{"error":"payload_too_large"}')


def test_what_is_no_http_gets_400_in_json(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"error":"malformed_http_request"}')


def test_a_preflight_allows_the_headers_of_the_api(url: str) -> None:
    reply = request(
        url,
        "OPTIONS",
        "/update",
        headers={
            "Origin": "https://www.example.net",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-api-user,x-api-key,authorization,content-type",
        },
    )
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "https://www.example.net"
    allowed = {
        each.strip().lower() for each in reply.headers["Access-Control-Allow-Headers"].split(",")
    }
    assert allowed >= {"x-api-user", "x-api-key", "authorization", "content-type"}


@pytest.mark.parametrize(
    ("header", "value", "refused"),
    [
        ("Origin", "https://evil.example", "origin"),
        ("Access-Control-Request-Method", "PUT", "method"),
        ("Access-Control-Request-Headers", "x-other", "headers"),
    ],
)
@pytest.mark.parametrize("path", ["/update", "/api/v1/registrations"])
def test_a_preflight_is_refused_in_json(
    url: str, path: str, header: str, value: str, refused: str
) -> None:
    headers = {"Origin": "https://www.example.net", "Access-Control-Request-Method": "POST"}
    reply = request(url, "OPTIONS", path, headers={**headers, header: value})
    assert (reply.status, reply.headers["Content-Type"]) == (400, "application/json")
    assert reply.json == {"error": "cors_refused", "message": f"not allowed: {refused}"}
    assert reply.headers["Vary"]


def test_another_origin_is_not_allowed(url: str) -> None:
    reply = request(url, "GET", "/health", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in reply.headers


def test_with_open_registration_a_password_for_a_proxy_in_front_is_ignored(url: str) -> None:
    token = base64.b64encode(b"user:key").decode()
    reply = request(url, "POST", "/register", headers={"Authorization": f"Basic {token}"})
    assert reply.status == 201


def test_the_log_says_what_was_refused_and_no_secret(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        one, other = register(service.url), register(service.url)
        wrong = (
            one._replace(username=str(uuid.uuid4())),
            one._replace(password=other.password),
            one._replace(subdomain=other.subdomain),
        )
        for account in wrong:
            assert update(service.url, account, txt("a")).status == 401
        refused = r"WARNING 127\.0\.0\.1 refused \(forbidden\): POST /update: "
        service.wait_for_line(f"{refused}unknown API user")
        service.wait_for_line(f"{refused}registration \\S+: wrong API key")
        service.wait_for_line(
            f"{refused}registration \\S+: the subdomain belongs to another registration"
        )
        assert not any(each.password in line for each in (one, other) for line in service.lines)
        assert not any("Traceback" in line for line in service.lines)
