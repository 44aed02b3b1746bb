"""The webhook task, against an HTTP server on loopback."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.occasions import NAME, occasion, task
from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.core.webhooks import shown_url, signature, signing_key

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
async def server() -> AsyncIterator[FakeHttpServer]:
    async with fake_http_server(lambda request: Reply(204)) as running:
        yield running


async def test_a_new_certificate_is_posted_signed_and_without_its_key(
    server: FakeHttpServer, tmp_path: Path
) -> None:
    made = occasion(tmp_path)
    hook = task("webhook", url=f"{server.url}/hook", secret=SECRET)
    assert await hook.problems() == []
    assert await hook.run(made) == "posted"
    assert await hook.run(made) == "posted"
    first, second = server.requests
    assert made.material
    assert first.json["event"] == "issued"
    assert first.json["certificate"] == NAME
    assert first.json["serial"] == made.material.serial
    assert first.json["fullchain"] == made.material.chain.pem.decode()
    assert b"PRIVATE" not in first.body
    # Told twice, as after a crash, it is the same message for who keeps count.
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    number, at = (first.headers[f"webhook-{one}"] for one in ("id", "timestamp"))
    expected = signature(signing_key(SECRET), number, at, first.body)
    assert first.headers["webhook-signature"] == expected


async def test_a_refusal_is_told(server: FakeHttpServer, tmp_path: Path) -> None:
    hook = task("webhook", url=f"{server.url}/topsecretpath")
    with (
        server.failing(Reply(403, {"error": "go away, topsecretpath"})),
        pytest.raises(DeploymentError, match=r"refuses with status 403.*go away") as raised,
    ):
        await hook.run(occasion(tmp_path))
    assert "topsecretpath" not in raised.value.message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs the field 'url'"),
        ({"url": "http://example.com/"}, "must begin with https://"),
        ({"url": "https://example.com/", "secret": "hunter2"}, "secret must be 'whsec_'"),
    ],
)
def test_what_cannot_be_posted_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as raised:
        task("webhook", **fields)
    assert "hunter2" not in raised.value.message


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"https://hooks.example/services/T0/{'abcDEF01' * 3}", "/services/T0/***"),
        ("https://hooks.example/certificates-2026", "/certificates-2026"),
        ("https://hooks.example/in?token=abc12345&format=1", "/in?token=***&format=1"),
        ("https://sender:hunter2@hooks.example/in", "/in"),
        ("https://hooks.example/zoneproof-events", "/zoneproof-events"),
        ("https://hooks.example/", "/"),
    ],
)
def test_of_a_url_nobody_sees_what_lets_them_post(url: str, shown: str) -> None:
    assert shown_url(url) == f"https://hooks.example{shown}"
