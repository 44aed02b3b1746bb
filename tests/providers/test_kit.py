"""The pieces of the kit: TXT in quotes, names, refusals, tokens, signing, pace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.kit_client import ZONE, client, server
from tests.support.clock import Clock
from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from tests.support.self_signed import certificate
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderCredentialsError,
    ProviderUnavailableError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import ProviderContext, Zone, open_provider
from zoneproof.providers.api_request import ApiRequest, bearer
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import relative_name
from zoneproof.providers.refusals import ErrorBody, Problem
from zoneproof.providers.txt_text import quote_txt, unquote_txt

__all__ = ["server"]  # a fixture

ERRORS = ErrorBody(codes=("code",), messages=("text",), success=("ok", True))


@given(st.text(max_size=600))
def test_quoted_txt_comes_back(value: str) -> None:
    text = quote_txt(value)
    assert text.isascii()
    assert text.isprintable()
    assert unquote_txt(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("bare", "bare"),
        (r'"a\"b\\c"', r"a\b".replace("\\", '"') + r"\c"),
        ('"one" "two"', "onetwo"),
        (r'"gr\195\182\195\159er"', "größer"),
        ('"größer"', "größer"),
        ('""', ""),
    ],
)
def test_txt_is_read_in_each_form(text: str, value: str) -> None:
    assert unquote_txt(text) == value


@pytest.mark.parametrize("name", ["_acme.a.example.com.", "_acme.a.Example.com", "_acme.a"])
def test_a_name_is_made_relative(name: str) -> None:
    assert relative_name(name, ZONE) == "_acme.a"


@pytest.mark.parametrize("name", ["_acme.ä.bücher.example", "_acme.xn--4ca.xn--bcher-kva.example."])
def test_a_name_may_be_in_unicode(name: str) -> None:
    zone = Zone(DomainName.parse("bücher.example"))
    assert relative_name(name, zone) == "_acme.xn--4ca"


@pytest.mark.parametrize("name", ["@", "", "example.com", "example.com."])
def test_the_zone_itself_is_the_empty_name(name: str) -> None:
    assert relative_name(name, ZONE) == ""


def test_a_name_that_only_ends_alike_is_not_shortened() -> None:
    assert relative_name("a.xexample.com", ZONE) == "a.xexample.com"


@pytest.mark.parametrize(
    ("errors", "status", "body", "problem"),
    [
        (ErrorBody(), 200, b'{"message": "fine"}', None),
        (ErrorBody(("code",)), 400, b'{"code": 7, "message": "bad"}', Problem("bad", ("7",))),
        (ErrorBody(), 400, b"not JSON", None),
        (ERRORS, 200, b'{"ok": true, "text": "fine"}', None),
        (ERRORS, 200, b'{"ok": false, "code": "x", "text": "bad"}', Problem("bad", ("x",))),
        (ERRORS, 200, b"<html>", Problem("")),
        (
            ErrorBody(codes=("errors.0.code", "errors.0.id"), messages=("errors.0.message",)),
            403,
            b'{"errors": [{"code": 9109, "id": "z", "message": "no"}]}',
            Problem("no", ("9109", "z")),
        ),
        (
            ErrorBody(("E/Error@Number",), ("E/Error",), ("@Status", "OK")),
            200,
            b'<R xmlns="urn:x" Status="ERROR"><E><Error Number="1">bad</Error></E></R>',
            Problem("bad", ("1",)),
        ),
        (ErrorBody(success=("status", "ok", None)), 200, b"[]", None),
        (ErrorBody(success=("status", "ok", None)), 200, b'{"status": "bad"}', Problem("")),
        (
            ErrorBody(("code",), phrases=("does not exist", "too many")),
            400,
            b'{"code": 1, "message": "The zone Does not Exist"}',
            Problem("The zone Does not Exist", ("does not exist", "1")),
        ),
    ],
)
def test_what_is_wrong_is_read_where_it_stands(
    errors: ErrorBody, status: int, body: bytes, problem: Problem | None
) -> None:
    assert errors.read(status, body) == problem


async def test_a_refusal_with_status_200_is_an_error(server: FakeHttpServer) -> None:
    api = client(server, errors=ERRORS)
    server.handler = lambda request: Reply(200, {"ok": False, "code": "expired", "text": "old"})
    with pytest.raises(ProviderCredentialsError, match="expired, it says: old") as caught:
        await api.send("POST", "records", json={})
    assert caught.value.changed_nothing
    await api.close()


async def test_a_refusal_that_says_later_is_tried_again(server: FakeHttpServer) -> None:
    clock = Clock()
    api = client(server, clock, errors=ERRORS)
    server.faults.append(Reply(200, {"ok": False, "code": "flood"}))
    await api.send("POST", "records", json={})
    assert len(server.requests) == 2
    assert len(clock.slept) == 1
    await api.close()


async def test_a_server_that_people_run_may_have_a_ca_of_its_own(tmp_path: Path) -> None:
    bundle, context = certificate(tmp_path)
    async with fake_http_server(lambda _: Reply(200, []), context) as server:
        fields = {"server": f"{server.url}/dns/", "key": "0123456789abcdef"}
        stranger = open_provider("powerdns", ProviderContext(fields))
        with pytest.raises(ProviderUnavailableError, match="certificate"):
            await stranger.zones()
        friend = open_provider("powerdns", ProviderContext({**fields, "ca_bundle": str(bundle)}))
        assert await friend.zones() == []
        path = server.requests[-1].path
        assert path.startswith("/dns/api/v1/servers/localhost/zones")
        await stranger.close()
        await friend.close()


async def test_a_token_is_fetched_once_and_again_when_it_has_ended(
    server: FakeHttpServer,
) -> None:
    clock, given = Clock(), iter(["one", "two", "three"])

    async def fetch() -> tuple[str, float]:
        await api.send("POST", "login", plain=True)
        return next(given), 3600.0

    api = client(server, clock, token=BearerToken(fetch, clock))
    await api.send("GET", "a")
    await api.send("GET", "b")
    clock.now += 3600
    await api.send("GET", "c")
    server.faults.append(Reply(401, {"error": "expired"}))
    await api.send("GET", "d")
    sent = [(request.path, request.headers.get("authorization", "")) for request in server.requests]
    assert sent == [
        ("/v1/login", ""),
        ("/v1/a", "Bearer one"),
        ("/v1/b", "Bearer one"),
        ("/v1/login", ""),
        ("/v1/c", "Bearer two"),
        ("/v1/d", "Bearer two"),
        ("/v1/login", ""),
        ("/v1/d", "Bearer three"),
    ]
    await api.close()


async def test_a_signature_is_made_of_the_whole_request_and_anew_each_time(
    server: FakeHttpServer,
) -> None:
    seen: list[ApiRequest] = []

    def sign(request: ApiRequest) -> ApiRequest:
        seen.append(request)
        return replace(request, url=f"{request.url}&n={len(seen)}").with_headers({"X-Sig": "s"})

    api = client(server, sign=sign, headers={"X-Key": "k"})
    server.faults.append(Reply(503))
    await api.send("POST", "records", query={"z": "a b"}, json={"x": 1})
    assert [request.path for request in server.requests] == [
        "/v1/records?z=a+b&n=1",
        "/v1/records?z=a+b&n=2",
    ]
    assert seen[0].content == b'{"x":1}'
    assert seen[0].headers == {"X-Key": "k", "Content-Type": "application/json"}
    assert server.requests[1].headers["x-sig"] == "s"
    await api.close()


async def test_requests_begin_a_pause_apart_and_as_late_as_the_service_asks(
    server: FakeHttpServer,
) -> None:
    clock = Clock()
    api = client(server, clock, pause=2.0)
    await api.send("GET", "a")
    await api.send("GET", "b")
    api.pace.rest(10)
    await api.send("GET", "c")
    assert clock.slept == [2.0, 10.0]
    await api.close()


def test_a_key_may_be_required_with_another_field() -> None:
    secret = token_field("secret", "its secret", default="", needed_with="key_id")
    assert secret.is_missing({"key_id": "id", "secret": ""})
    assert not secret.is_missing({"key_id": "", "secret": ""})


async def test_a_key_that_no_header_can_carry_is_not_sent_nor_shown(
    server: FakeHttpServer,
) -> None:
    with pytest.raises(InvalidInputError, match="Authorization") as caught:
        client(server, headers=bearer("se\ncret"))
    assert "cret" not in caught.value.message
    check = token_field("token", "a token").check
    assert check
    check("dop_v1_0123")
    for text in ["se cret", "secret\n", "sécret"]:
        with pytest.raises(InvalidInputError, match="token has a space") as caught:
            check(text)
        assert text not in caught.value.message
