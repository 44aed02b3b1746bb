"""The pieces of the kit: TXT in quotes, refusals, lists in pages, tokens, signing, pace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import Clock
from tests.support.fake_http import FakeHttpServer, Reply, Request, fake_http_server
from tests.support.self_signed import certificate
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderCredentialsError,
    ProviderError,
    ProviderQuotaError,
    ProviderUnavailableError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import ProviderContext, TxtRecord, Zone, open_provider
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.api_request import ApiRequest, bearer
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList, relative_name
from zoneproof.providers.paging import NextUrl, NextWord, Numbered, Offset, Paging
from zoneproof.providers.refusals import ALREADY, USUAL, ErrorBody, Problem, Refusal, Refusals
from zoneproof.providers.txt_text import quote_txt, unquote_txt

ZONE = Zone(DomainName.parse("example.com"))
CODES: Refusals = {
    **USUAL,
    "expired": Refusal(ProviderCredentialsError, "the token has expired"),
    "flood": Refusal(ProviderQuotaError, "too fast", again=True),
}
ERRORS = ErrorBody(codes=("code",), messages=("text",), success=("ok", True))


class Item(msgspec.Struct):
    n: int


@pytest.fixture
async def server() -> AsyncIterator[FakeHttpServer]:
    async with fake_http_server(lambda request: Reply(200, {"ok": True})) as running:
        yield running


def client(server: FakeHttpServer, clock: Clock | None = None, **options: object) -> ApiClient:
    clock = clock or Clock()
    context = ProviderContext({}, timeout=5, sleep=clock.sleep, clock=clock)
    return ApiClient(context, f"{server.url}/v1/", refusals=CODES, **options)  # type: ignore[arg-type]


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


@pytest.mark.parametrize("way", ["link", "url", "word", "page", "last", "total", "offset"])
async def test_all_pages_of_a_list_are_read(server: FakeHttpServer, way: str) -> None:
    def handler(request: Request) -> Reply:
        query = dict(part.split("=") for part in request.path.partition("?")[2].split("&"))
        number = int(query.get("p", 1))
        if way == "offset":
            number = int(query["p"]) // 2 + 1
        items = [{"n": n} for n in range(1, 6)][2 * number - 2 : 2 * number]
        last = number == 3
        url = f"/v1/list?p={number + 1}"
        link = {} if last else {"Link": f'<{url}>; rel="next", <x>; rel="first"'}
        following = "" if last else url if way == "url" else str(number + 1)
        counts = {"all": "5", "pages": 3}
        return Reply(200, {"data": {"items": items}, "next": following, **counts}, link)

    server.handler = handler
    api = client(server)
    paging = {
        "link": None,
        "url": NextUrl(at="next"),
        "word": NextWord(at="next", word="p"),
        "page": Numbered("size", 2, word="p"),
        "last": Numbered(word="p", pages="pages"),
        "total": Numbered(word="p", total="all"),
        "offset": Offset("size", 2, word="p"),
    }[way]
    found = await api.items(
        "list",
        Item,
        at="data.items",
        query={"a": 1},
        headers={"X-Filter": "some"},
        paging=paging,
    )
    assert [item.n for item in found] == [1, 2, 3, 4, 5]
    assert server.requests[0].path.startswith("/v1/list?a=1")
    assert {request.headers["x-filter"] for request in server.requests} == {"some"}
    await api.close()


@pytest.mark.parametrize("kind", ["json", "form"])
async def test_pages_may_be_asked_for_in_a_body(server: FakeHttpServer, kind: str) -> None:
    def handler(request: Request) -> Reply:
        if kind == "form":
            asked = dict(parse_qsl(request.body.decode()))
            number = int(asked["p"])
        else:
            asked = request.json["view"]
            number = asked["p"]
        assert asked["all"] == "yes"
        return Reply(200, [{"n": n} for n in range(1, 6)][number : number + 2])

    server.handler = handler
    api = client(server)
    if kind == "form":
        found = await api.items("list", Item, form={"all": "yes"}, paging=Offset("s", 2, word="p"))
    else:
        paging = Offset("view.s", 2, word="view.p")
        found = await api.items("list", Item, json={"view": {"all": "yes"}}, paging=paging)
    assert [item.n for item in found] == [1, 2, 3, 4, 5]
    assert {(one.method, one.path) for one in server.requests} == {("POST", "/v1/list")}
    await api.close()


async def test_a_refusal_may_say_that_a_list_is_empty(server: FakeHttpServer) -> None:
    server.handler = lambda request: Reply(404)
    api = client(server)
    assert await api.items("list", Item, also={404: ALREADY}) == []
    await api.close()


def test_what_is_posted_has_the_words_of_the_list_or_others() -> None:
    zone, record = Zone(ZONE.name), TxtRecord("", 'a"b', 60)
    listed = RecordList("x", name="host", value="text", quoted=True)
    usual = {"type": "TXT", "host": "@", "text": '"a\\"b"', "ttl": 60}
    assert listed.new_record({}, zone, record) == usual
    other = replace(listed, owner="{whole}.", quoted=False)
    whole = {**usual, "host": "example.com.", "text": 'a"b'}
    assert other.new_record({}, zone, record) == whole
    own = replace(
        listed, new=[{"of": {"value": "{value}", "ttl": "{ttl}", "on": True}, "by": "{u}"}]
    )
    posted = [{"of": {"value": 'a"b', "ttl": 60, "on": True}, "by": "me"}]
    assert own.new_record({"u": "me"}, zone, record) == posted


@pytest.mark.parametrize(
    "paging",
    [
        NextUrl(at="next"),
        Numbered(total="next"),
        Numbered(pages="next"),
        Offset(total="next"),
    ],
)
async def test_what_a_page_says_of_the_next_one_may_be_nonsense(
    server: FakeHttpServer, paging: Paging
) -> None:
    server.handler = lambda request: Reply(200, {"items": [{"n": 1}], "next": ["x"]})
    api = client(server)
    with pytest.raises(ProviderError, match="JSON of an unexpected form"):
        await api.items("list", Item, at="items", paging=paging)
    await api.close()


async def test_a_next_page_elsewhere_does_not_get_the_key(server: FakeHttpServer) -> None:
    server.handler = lambda request: Reply(200, {"items": [], "next": "https://elsewhere/list"})
    api = client(server)
    with pytest.raises(ProviderError, match="somewhere else: https://elsewhere/list"):
        await api.items("list", Item, at="items", paging=NextUrl(at="next"))
    await api.close()


async def test_a_next_page_by_http_of_the_same_place_is_asked_for_by_https(tmp_path: Path) -> None:
    def handler(request: Request) -> Reply:
        url = f"http://{request.headers['host']}/v1/list?p=2"
        link = {} if "p=2" in request.path else {"Link": f'<{url}>; rel="next"'}
        return Reply(200, [{"n": len(link)}], link)

    bundle, context = certificate(tmp_path)
    async with fake_http_server(handler, context) as server:
        api = client(server, ca_bundle=str(bundle))
        assert [item.n for item in await api.items("list", Item)] == [1, 0]
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


async def test_a_list_that_is_missing_is_no_empty_list(server: FakeHttpServer) -> None:
    api = client(server)
    bodies: list[object] = [{}, {"items": None}, {"items": {}}, []]
    replies = [Reply(200, body) for body in bodies]
    server.faults.extend(replies)
    for _ in replies:
        with pytest.raises(ProviderError, match="JSON of an unexpected form"):
            await api.items("list", Item, at="items")
    server.handler = lambda request: Reply(200, {})
    assert await api.items("list", Item, at="items", absent_if_empty=True) == []
    with pytest.raises(ProviderError, match="JSON of an unexpected form"):
        await api.items("list", Item, at="of.items", absent_if_empty=True)
    await api.close()


async def test_a_list_is_declared_with_places_in_its_items(server: FakeHttpServer) -> None:
    rows: list[dict[str, object]] = [
        {"id": 1, "is": {"type": "TXT", "name": "a.example.com.", "text": '"x"'}},
        {"id": 2, "is": {"type": "TXT", "text": '"y"'}},
        {"id": 5, "is": {"type": "TXT", "name": "", "title": "c", "text": '"w"'}},
        {"id": 3, "is": {"type": "A", "name": "a", "text": None}},
        {"id": 4, "is": {"type": "TXT", "name": "b", "text": '"z"'}, "state": "going"},
    ]
    server.handler = lambda request: Reply(200, {"rows": rows})
    api = client(server)
    listed = RecordList(
        "org/{org}/zones/{zone.id}",
        at="rows",
        query={"name": "{host}", "empty": "{name}", "all": ""},
        name="is.name|is.title",
        value="is.text",
        only={"is.type": "TXT"},
        without={"state": "going"},
        optional=("is.name|is.title",),
        quoted=True,
    )
    zone = Zone(ZONE.name, "a/1")
    found = await listed.records(api, {"org": "x y"}, zone, "")
    assert found == [StoredTxt("1", "a", "x"), StoredTxt("2", "", "y"), StoredTxt("5", "c", "w")]
    assert server.requests[0].path == "/v1/org/x%20y/zones/a%2F1?name=%40&all="
    with pytest.raises(ProviderError, match=r"an item has no `is\.name\|is\.title`"):
        await replace(listed, optional=()).records(api, {"org": "x"}, zone, "")
    rows[0]["id"] = True
    with pytest.raises(ProviderError, match="`id` of an item is not a text"):
        await listed.records(api, {"org": "x"}, zone, "")
    await api.close()


@pytest.mark.parametrize(
    ("listed", "item", "what"),
    [
        (RecordList("x", ttl="ttl"), {"ttl": "an hour"}, "invalid literal"),
        (RecordList("x", ttl="ttl"), {"ttl": 1.5}, "`ttl` of an item is not a text"),
        (ZoneList("x", name=""), {"name": "example.com"}, "an item is no text"),
    ],
)
async def test_nonsense_in_a_declared_list_is_an_unexpected_answer(
    server: FakeHttpServer, listed: RecordList | ZoneList, item: dict[str, object], what: str
) -> None:
    record = {"type": "TXT", "id": 1, "name": "a", "content": "x"}
    server.handler = lambda request: Reply(200, [{**record, **item}])
    api = client(server)
    asked: Awaitable[object] = (
        listed.records(api, {}, ZONE, "a")
        if isinstance(listed, RecordList)
        else listed.zones(api, {})
    )
    with pytest.raises(ProviderError, match=what):
        await asked
    await api.close()


@pytest.mark.parametrize(("key", "number"), [("012", 12), ("a1", "a1"), ("²", "²"), ("", "")])
def test_an_id_is_a_number_for_those_who_want_one(key: str, number: int | str) -> None:
    assert StoredTxt(key, "a", "x").number == number
