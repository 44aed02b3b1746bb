"""Whatever bytes come, the HTTP API answers in its own words, and never with a failure."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.challenge_service import Account, Service, register, txt, write_config

SECONDS = 15
# Both services get other examples, so that what they share gets twice as many as a test says.
VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
CLIENT_ERRORS = {400, 401, 403, 404, 405, 408, 413, 429}
METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "X"]
PATHS = [
    "/register",
    "/update",
    "/health",
    "/",
    "//update//",
    "/k/key/register",
    "/%72egister",
    "/update%00",
    "/..%2fupdate",
    "/api/v1/registrations",
    "*",
    "http://[::1/update",
]
HEADER_NAMES = [
    "X-Api-User",
    "X-Api-Key",
    "X-Forwarded-For",
    "Authorization",
    "Content-Type",
    "Host",
    "Origin",
    "Access-Control-Request-Method",
    "Accept-Encoding",
    "Upgrade",
]


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "with the extra speed"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    api = 'trusted_proxies = ["127.0.0.0/8"]\ncors_origins = ["https://www.example.org"]'
    config = write_config(tmp_path_factory.mktemp("service"), api=api)
    with Service(config, with_speed=request.param) as running:
        yield running
        assert not [line for line in running.lines if "Traceback" in line or "ERROR" in line]


@pytest.fixture(scope="module")
def account(service: Service) -> Account:
    return register(service.url)


def connect(service: Service) -> socket.socket:
    host, _, port = service.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=SECONDS)


header_values = st.one_of(
    st.binary(max_size=60).map(lambda raw: bytes(byte for byte in raw if byte not in b"\r\n\0")),
    st.sampled_from(
        [b"127.0.0.1", b"[::1]:80", b"fe80::1%eth0, ,", b"Basic !", b"Basic dTp=", b"["]
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=8,
)
fields = st.dictionaries(
    st.sampled_from(["subdomain", "SubDomain", "txt", "Txt", "allowfrom", "subject", "other"]),
    json_values | st.sampled_from([["192.0.2.0/24"], ["::/129"], [""], "a" * 43]),
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bytes, JSON, and JSON with some bytes changed."""
    kind = draw(st.sampled_from(["bytes", "json", "fields", "damaged"]))
    if kind == "bytes":
        return draw(st.binary(max_size=300))
    content = draw(json_values if kind == "json" else fields)
    body = bytearray(
        json.dumps(content, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace")
    )
    if kind == "damaged":
        place = draw(st.integers(0, len(body) - 1))
        body[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(body)


def check(response: http.client.HTTPResponse, method: str) -> Any:
    """Check what every answer must be, and return its content."""
    body = response.read()
    if response.status in (200, 201):
        return json.loads(body) if body else None
    if response.status == 204:
        assert method == "OPTIONS"
        assert not body
        assert response.headers["Allow"]
        return None
    assert response.status in CLIENT_ERRORS, (response.status, body)
    if method == "HEAD":
        assert not body
    elif response.headers.get_content_type() == "text/plain":
        # What starlette says of a preflight that asks for something else than is allowed.
        assert method == "OPTIONS"
    else:
        assert isinstance(json.loads(body)["error"], str)
    return None


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["POST", "POST", "POST", "DELETE", *METHODS]),
    path=st.sampled_from(["/register", "/update", *PATHS]),
    headers=st.lists(st.tuples(st.sampled_from(HEADER_NAMES), header_values), max_size=5),
    body=bodies(),
    cuts=st.none() | st.lists(st.integers(1, 100), min_size=1, max_size=3),
)
@example(method="POST", path="/register", headers=[], body=b"[" * 16_000, cuts=None)
@example(method="POST", path="/update", headers=[], body=b'{"a":' * 3_000, cuts=None)
@example(method="POST", path="/register", headers=[], body=b'{"subject":"\\ud800"}', cuts=None)
@example(method="POST", path="/register", headers=[], body=b"{" * 20_000, cuts=[7000])
@example(method="POST", path="/update", headers=[("Host", b"[")], body=b"{}", cuts=None)
def test_a_request_gets_an_answer_of_the_api(
    service: Service,
    method: str,
    path: str,
    headers: list[tuple[str, bytes]],
    body: bytes,
    cuts: list[int] | None,
) -> None:
    head = f"{method} {path} HTTP/1.1\r\n".encode()
    if not any(name == "Host" for name, _ in headers):
        head += b"Host: localhost\r\n"
    head += b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
    if cuts is None:
        sent = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    else:
        sent = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, cuts)
    with connect(service) as connection:
        connection.sendall(sent)
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        check(response, method)


def chunked(body: bytes, cuts: list[int]) -> bytes:
    """Return the body in chunks of these sizes, and the last in what is left."""
    sent = b""
    for size in [*cuts, len(body)]:
        part, body = body[:size], body[size:]
        if part:
            sent += b"%x\r\n" % len(part) + part + b"\r\n"
    return sent + b"0\r\n\r\n"


@settings(max_examples=100, deadline=None)
@given(
    subdomain=st.none() | json_values,
    value=json_values | st.from_regex(VALUE, fullmatch=True) | st.just(txt("v")),
    method=st.sampled_from(["POST", "DELETE"]),
)
def test_who_has_the_key_can_publish_nothing_but_challenge_values(
    service: Service, account: Account, subdomain: Any, value: Any, method: str
) -> None:
    content = {"subdomain": subdomain or account.subdomain, "txt": value}
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=SECONDS)
    try:
        connection.request(method, "/update", json.dumps(content), account.headers)
        published = check(connection.getresponse(), method)
    finally:
        connection.close()
    texts = service.texts(account.fulldomain)
    assert all(VALUE.fullmatch(text) for text in texts)
    if published is not None:
        assert published == {"txt": value}
        assert (value in texts) == (method == "POST")


@settings(max_examples=100, deadline=None)
@given(
    garbage=st.one_of(
        st.binary(max_size=400),
        st.binary(max_size=50).map(lambda raw: b"POST /update HTTP/1.1\r\n" + raw),
        st.binary(max_size=50).map(
            lambda raw: (
                b"POST /register HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + raw
            )
        ),
    )
)
@example(garbage=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
@example(garbage=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
@example(garbage=b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n{}")
def test_what_is_no_request_ends_the_connection(service: Service, garbage: bytes) -> None:
    with connect(service) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as received:
            answer = received.read()
    assert not answer.startswith(b"HTTP/1.1 5")
    if answer.startswith(b"HTTP/1.1 400"):
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
