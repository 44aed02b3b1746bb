"""Lists of an API as the kit reads them: all pages, and items where they are declared."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec
import pytest

from tests.providers.kit_client import ZONE, client, server
from tests.support.fake_http import FakeHttpServer, Reply, Request, fake_http_server
from tests.support.self_signed import certificate
from zoneproof.core.errors import ProviderError
from zoneproof.providers import TxtRecord, Zone
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.paging import NextUrl, NextWord, Numbered, Offset, Paging
from zoneproof.providers.refusals import ALREADY

__all__ = ["server"]  # a fixture


class Item(msgspec.Struct):
    n: int


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
