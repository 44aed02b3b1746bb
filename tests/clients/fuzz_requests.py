"""Lets atheris look for headers and bodies that the HTTP API does not take as it should.

``python -m tests.clients.fuzz_requests [libFuzzer's options]``
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris  # type: ignore[import-untyped]

from tests.support.challenge_service import open_for, txt, write_config

with atheris.instrument_imports(include=["zoneproof.challengedns"]):
    from zoneproof.challengedns.config import load_config


_HEADERS = [
    b"x-forwarded-for",
    b"authorization",
    b"x-api-user",
    b"x-api-key",
    b"content-type",
    b"origin",
    b"host",
    b"content-length",
]
_EXPECTED = {200, 201, 400, 401, 403, 404, 405, 413}
_KNOWN = 0x20
_SEEDS = [
    b"",
    b"{}",
    b'{"allowfrom":["192.0.2.0/24","2001:db8::/32"],"subject":"a note"}',
    b'{"AllowFrom":null,"x":[1,2.5e9,true,"\\u00e9"]}',
]


class _Requests:
    """The API, asked without sockets; ``account`` is one that it knows."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        config = load_config(write_config(folder, api='trusted_proxies = ["127.0.0.1"]'))
        registrations = open_for(config)
        self.account = loop.run_until_complete(registrations.register())
        self._app = registrations.app(config.api)
        self._loop = loop

    def test(self, data: bytes) -> None:
        """Make one request of the data: what it is, a header's length, the header, the body."""
        what, length, rest = data[:1], data[1:2], data[2:]
        kind, size = int.from_bytes(what, "big"), int.from_bytes(length, "big")
        headers = [(_HEADERS[kind & 7], rest[:size])]
        if kind & _KNOWN:
            headers.append((b"x-api-user", self.account.username.encode()))
            headers.append((b"x-api-key", self.account.password.encode()))
        method = ("POST", "DELETE", "GET", "OPTIONS")[kind >> 6]
        path = "/update" if kind & 0x10 else "/register"
        path = "/k/" + rest[:size].decode("latin-1") + path if kind & 0x08 else path
        status, body = self._loop.run_until_complete(self._ask(method, path, headers, rest[size:]))
        assert status in _EXPECTED, (status, body)
        assert isinstance(json.loads(body), dict)

    async def _ask(
        self, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, bytes]:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("latin-1"),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(event: Any) -> None:
            sent.append(event)

        await self._app(scope, receive, send)
        return sent[0]["status"], b"".join(event.get("body", b"") for event in sent[1:])


def _tester(folder: Path, loop: asyncio.AbstractEventLoop) -> Callable[[bytes], None]:
    requests = _Requests(folder, loop)
    update = json.dumps({"subdomain": requests.account.subdomain, "txt": txt("a")}).encode()
    corpus = folder / "corpus"
    corpus.mkdir()
    for kind in range(256):
        for number, body in enumerate([*_SEEDS, update]):
            (corpus / f"{kind}-{number}").write_bytes(bytes([kind, 9]) + b"127.0.0.1" + body)
    return requests.test


def main() -> None:
    """Fuzz until an option of libFuzzer ends it, or something is found."""
    logging.disable()
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as folder:
        test = _tester(Path(folder), loop)
        atheris.Setup([*sys.argv, f"{folder}/corpus"], test)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
