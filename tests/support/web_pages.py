"""The web pages of a home in the background, and a client that is no browser."""

from __future__ import annotations

import http.client
import json
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from tests.support.command import CommandServer

PASSWORD = "correct horse battery"


@dataclass
class Answer:
    """What the server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Somebody who sends what a browser would, with cookies, or something else."""

    base: str
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.send("GET", path, headers=headers)

    def post(
        self, path: str, headers: Mapping[str, str] | None = None, **fields: str | list[str]
    ) -> Answer:
        """Send a form, as one of the server's own pages does."""
        of_form = {"Content-Type": "application/x-www-form-urlencoded"}
        of_form["Sec-Fetch-Site"] = "same-origin"
        return self.send(
            "POST", path, urlencode(fields, doseq=True).encode(), {**of_form, **(headers or {})}
        )

    def submit(
        self, path: str, headers: Mapping[str, str] | None = None, **fields: str | list[str]
    ) -> Answer:
        """Send a form, and return the page to which that leads."""
        answer = self.post(path, headers, **fields)
        assert answer.status == 303, answer.text
        return self.get(answer.headers["Location"], headers)

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; cookies that come back are kept. Nothing is followed."""
        found = urlsplit(self.base)
        assert found.hostname
        connection = http.client.HTTPConnection(found.hostname, found.port or 80, timeout=60)
        all_headers = {**self.headers, **(headers or {})}
        if self.cookies:
            all_headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        try:
            connection.request(method, path, body or None, all_headers)
            reply = connection.getresponse()
            answer = Answer(reply.status, reply.headers, reply.read())
        finally:
            connection.close()
        for text in answer.headers.get_all("Set-Cookie", []):
            name, _, value = text.partition(";")[0].partition("=")
            if "Max-Age=0" in text:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value.strip('"')
        return answer


def seen(client: Client, path: str) -> str:
    """Return by what a form says what it was made from."""
    (revision, *_) = re.findall(r'name="seen" value="(\w+)"', client.get(path).text)
    return str(revision)


class WebPages:
    """``zoneproof web`` for a home; a context manager.

    It is quick with passwords, of which most tests set one, unless it is to be ``as_installed``.
    """

    def __init__(self, home: Path, *options: str, as_installed: bool = False) -> None:
        self.home = home
        self.server = CommandServer(
            "the web pages",
            ["web", "--listen", "127.0.0.1:0", "--json", *options],
            "web_ready",
            environment={"ZONEPROOF_HOME": str(home)},
            module="zoneproof" if as_installed else "tests.support.quick_passwords",
        )
        self.server.is_fork = not as_installed

    def __enter__(self) -> Self:
        self.server.start()
        self.link = json.loads(self.server.wait_for_line("web_ready"))["url"]
        found = urlsplit(self.link)
        self.url = f"{found.scheme}://{found.netloc}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.stop(signal.SIGTERM)

    def stranger(self) -> Client:
        """Return somebody who is not signed in."""
        return Client(self.url)

    def administrator(self, name: str = "alice") -> Client:
        """Return the first administrator, who uses the link."""
        client = Client(self.url)
        token = self.link.partition("token=")[2]
        answer = client.post("/welcome", token=token, name=name, password=PASSWORD, again=PASSWORD)
        assert answer.status == 303, answer.text
        return client

    def user(self, administrator: Client, name: str, role: str) -> Client:
        """Return another user, whom the administrator adds."""
        page = administrator.submit("/users", name=name, role=role).text
        match = re.search(r"/welcome\?token=([\w-]+)", page)
        assert match, page
        client = Client(self.url)
        answer = client.post("/welcome", token=match[1], password=PASSWORD, again=PASSWORD)
        assert answer.status == 303, answer.text
        return client
