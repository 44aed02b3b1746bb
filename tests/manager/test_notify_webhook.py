"""Notices by webhook, posted to an HTTP server on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from tests.support.self_signed import certificate
from zoneproof.core.webhooks import signature, signing_key
from zoneproof.manager.notifications.notice import Notice
from zoneproof.manager.notifications.send import send, send_test
from zoneproof.manager.notifications.settings import NotifySettings, WebhookSettings

AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
NOTICE = Notice(
    "failing",
    "example.com",
    ("example.com",),
    "the CA says: <!channel> & more",
    AT,
    records=("a. 60 IN TXT b",),
)
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
PATH = "/services/T0000000/topsecretpart"


@pytest.fixture
async def server() -> AsyncIterator[FakeHttpServer]:
    async with fake_http_server(lambda request: Reply(204)) as running:
        yield running


class Sleeper:
    """Waits by noting for how long."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


async def problems(
    url: str, *notices: Notice, sleep: Sleeper | None = None, **more: Any
) -> list[str]:
    settings = NotifySettings(webhook=(WebhookSettings(url, **more),))
    return await send(notices or (NOTICE,), settings, sleep=sleep or Sleeper())


async def test_notices_are_posted_as_json_in_one_request(server: FakeHttpServer) -> None:
    other = Notice("renewed", "example.net", (), "", AT, expires_at=AT)
    assert await problems(server.url + PATH, NOTICE, other) == []
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", PATH)
    assert request.headers["content-type"] == "application/json"
    assert request.json["machine"]
    assert request.json["notices"][0] == {
        "kind": "failing",
        "certificate": "example.com",
        "identifiers": ["example.com"],
        "message": "the CA says: <!channel> & more",
        "at": "2026-08-01T12:00:00Z",
        "records": ["a. 60 IN TXT b"],
        "expires_at": None,
        "credential": "",
    }
    assert request.json["notices"][1]["expires_at"] == "2026-08-01T12:00:00Z"
    assert "webhook-signature" not in request.headers


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The values are those of the specification's own example."""
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_receiver_can_check_the_signature_of_every_attempt(server: FakeHttpServer) -> None:
    server.faults.append(Reply(503))
    assert await problems(server.url, secret=SECRET) == []
    first, second = server.requests
    for request in (first, second):
        heads = [request.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")]
        signed = f"{heads[0]}.{heads[1]}.".encode() + request.body
        mark = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
        assert heads[2] == f"v1,{mark}"
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_chat_services_get_text_in_which_nothing_is_a_command(
    server: FakeHttpServer,
) -> None:
    assert await problems(server.url, format="slack") == []
    (request,) = server.requests
    assert list(request.json) == ["text"]
    text = request.json["text"]
    assert text.startswith("example.com: renewal fails (Zoneproof on ")
    assert text.count("renewal fails") == 1
    assert "the CA says: &lt;!channel&gt; &amp; more" in text
    assert "Create:\na. 60 IN TXT b\n" in text


async def test_a_chat_message_about_very_many_certificates_is_cut(server: FakeHttpServer) -> None:
    many = [Notice("failing", f"host{n}.example.com", (), "x" * 500, AT) for n in range(500)]
    assert await problems(server.url, *many, format="slack") == []
    texts = [request.json["text"] for request in server.requests]
    assert texts[0].startswith("500 certificates: renewal fails (500)")
    assert texts[-1].endswith("...\n")
    assert len("".join(texts)) < 13_000


async def test_no_chat_message_is_longer_than_a_chat_takes(server: FakeHttpServer) -> None:
    """Rocket.Chat's Message_MaxAllowedSize is 5,000, and counts for webhooks, too, since 7.8."""
    records = tuple(f"_acme-challenge.n{n}.example.com. 60 IN TXT x" for n in range(150))
    notice = Notice("awaiting_user", "example.com", (), "<" * 900, AT, records)
    assert await problems(server.url, notice, format="slack") == []
    texts = [request.json["text"] for request in server.requests]
    assert max(map(len, texts)) <= 4_000
    assert "".join(texts).replace("&lt;", "<").count("IN TXT x\n") == len(records)
    assert all(text.endswith("\n") for text in texts)


async def test_a_chat_that_refuses_a_message_gets_no_others(server: FakeHttpServer) -> None:
    server.faults.append(Reply(400, b"no"))
    many = [Notice("failing", f"host{n}.example.com", (), "x" * 500, AT) for n in range(20)]
    (problem,) = await problems(server.url, *many, format="slack")
    assert "it refuses with status 400" in problem
    assert len(server.requests) == 1


async def test_what_may_pass_is_tried_again(server: FakeHttpServer) -> None:
    server.faults.extend([Reply(500), Reply(429)])
    sleep = Sleeper()
    assert await problems(server.url, sleep=sleep) == []
    assert len(server.requests) == 3
    assert len(sleep.waits) == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            Reply(404, b"no such hook topsecretpart"),
            "it refuses with status 404, and says: no such",
        ),
        (Reply(500, b"broken"), "it fails with status 500, and says: broken"),
        (Reply(302, b"", {"Location": "https://other.test/"}), "redirects to https://other.test/"),
        (b"220 mail.test ESMTP\r\n", "the connection was lost"),
        (Reply(200, b"x" * 5_000_000), "larger than 4 MiB"),
    ],
)
async def test_what_fails_is_a_line_without_the_secret_url(
    server: FakeHttpServer, fault: Reply | bytes, words: str
) -> None:
    with server.failing(fault):
        (line,) = await problems(server.url + PATH)
    assert line.startswith("webhook at 127.0.0.1: ")
    assert words in line
    assert "topsecretpart" not in line
    assert line.isprintable()


async def test_one_that_fails_does_not_keep_the_others_from_being_told(
    server: FakeHttpServer,
) -> None:
    async with fake_http_server(lambda request: Reply(400, b"no")) as bad:
        settings = NotifySettings(
            webhook=(WebhookSettings(bad.url), WebhookSettings(server.url, kinds=("failing",)))
        )
        assert await send([NOTICE], settings) == [
            "webhook at 127.0.0.1: it refuses with status 400, and says: no"
        ]
    assert len(server.requests) == 1


async def test_only_the_kinds_that_are_wanted_are_told(server: FakeHttpServer) -> None:
    settings = NotifySettings(webhook=(WebhookSettings(server.url, kinds=("renewed",)),))
    assert await send([NOTICE], settings) == []
    assert server.requests == []
    assert await send_test(settings) == []
    assert server.requests[0].json["notices"][0]["kind"] == "test"


async def test_url_and_secret_can_stand_in_a_file_and_in_the_environment(
    server: FakeHttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text(f"{server.url}{PATH}\n")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    assert await problems(f"@{tmp_path / 'url'}", secret="env:HOOK_SECRET") == []
    assert server.requests[0].path == PATH
    assert "webhook-signature" in server.requests[0].headers


async def test_references_that_cannot_be_used_are_told_and_raise_nothing(
    server: FakeHttpServer, tmp_path: Path
) -> None:
    (tmp_path / "bad").write_text("http://example.com/hidden")
    assert await problems("env:NO_SUCH_VARIABLE") == [
        "notify.webhook: url: the environment variable NO_SUCH_VARIABLE is not set"
    ]
    assert await problems(f"@{tmp_path / 'bad'}") == [
        "notify.webhook: url must begin with https:// (http:// is for this machine only)"
    ]
    (line,) = await problems(server.url, secret=f"@{tmp_path / 'bad'}")
    assert line.startswith("notify.webhook: secret must be 'whsec_'")


async def test_the_servers_certificate_is_verified(tmp_path: Path) -> None:
    bundle, context = certificate(tmp_path)
    async with fake_http_server(lambda request: Reply(200), context) as server:
        (line,) = await problems(server.url)
        assert "its certificate is not trusted" in line
        assert server.requests == []
        assert await problems(server.url, ca_bundle=str(bundle)) == []
