"""An application: which route answers, and what is answered where one raises."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from zoneproof.core.errors import StorageError, ZoneproofError
from zoneproof.serving.application import Application


async def _name(request: Request) -> Response:
    return PlainTextResponse(f"named {request.path_params['name']}")


async def _written_out(request: Request) -> Response:
    return PlainTextResponse(f"{request.method} written out")


def _raising(error: Exception) -> Any:
    async def fail(request: Request) -> Response:
        raise error

    return fail


def _saying(text: str) -> Any:
    async def say(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{text}: {request.url.path}: {error}", 500)

    return say


ROUTES = [
    Route("/things/{name}", _name, methods=["GET"]),
    Route("/things/new", _written_out, methods=["GET"]),
    Route("/things/new", _written_out, methods=["POST"]),
    Route("/storage", _raising(StorageError("full")), methods=["GET"]),
    Route("/ours", _raising(ZoneproofError("no")), methods=["GET"]),
    Route("/teapot", _raising(HTTPException(418, "short", {"X-Spout": "1"})), methods=["GET"]),
    Route("/bug", _raising(KeyError("gone")), methods=["GET"]),
    Route("/bug/{name}", _raising(KeyError("gone")), methods=["GET"]),
]
PLAIN = Application(ROUTES)
ANSWERING = Application(ROUTES, {ZoneproofError: _saying("ours"), Exception: _saying("a bug")})


async def _ask(app: ASGIApp, path: str, method: str = "GET") -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path)


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/things/a", 200, "named a"),
        ("GET", "/things/new", 200, "GET written out"),
        ("HEAD", "/things/new", 200, ""),
        ("POST", "/things/new", 200, "POST written out"),
        ("POST", "/things/a", 405, "Method Not Allowed"),
        ("DELETE", "/things/new", 405, "Method Not Allowed"),
        ("GET", "/things", 404, "Not Found"),
        ("GET", "/things/new/", 404, "Not Found"),
        ("GET", "/things/{name}", 200, "named {name}"),
        ("GET", "/", 404, "Not Found"),
    ],
)
@pytest.mark.parametrize("app", [PLAIN, ANSWERING], ids=["plain", "answering"])
async def test_a_path_and_a_method_lead_to_a_route(
    app: ASGIApp, method: str, path: str, status: int, text: str
) -> None:
    answer = await _ask(app, path, method)
    assert (answer.status_code, answer.text) == (status, text)


async def test_a_wrong_method_is_told_a_right_one() -> None:
    assert (await _ask(PLAIN, "/things/a", "POST")).headers["allow"] in {"GET, HEAD", "HEAD, GET"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/storage", "ours: /storage: full"),
        ("/ours", "ours: /ours: no"),
        ("/bug", "a bug: /bug: 'gone'"),
        ("/bug/7", "a bug: /bug/7: 'gone'"),
    ],
)
async def test_the_most_special_kind_of_what_is_raised_answers(path: str, text: str) -> None:
    answer = await _ask(ANSWERING, path)
    assert (answer.status_code, answer.text) == (500, text)


async def test_what_a_route_refuses_keeps_its_status_and_headers() -> None:
    answer = await _ask(PLAIN, "/teapot")
    assert (answer.status_code, answer.text, answer.headers["x-spout"]) == (418, "short", "1")


@pytest.mark.parametrize(
    ("app", "path", "error"),
    [
        (ANSWERING, "/bug", KeyError),
        (PLAIN, "/bug", KeyError),
        (PLAIN, "/storage", StorageError),
    ],
)
async def test_a_bug_reaches_the_server_for_its_log(
    app: ASGIApp, path: str, error: type[Exception]
) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(error):
            await client.get(path)
