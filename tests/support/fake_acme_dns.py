"""A fake of acme-dns, after the section "API" of the README of github.com/joohoi/acme-dns.

Calls and answers are those of the README. How values are kept is what acme-dns 1.1, 2.0.2 and its
development version of June 2026 do with SQLite, tried with each: a registration has two rows, each
with the whole second of its last update; an update overwrites the older row, and the first one if
both have the same second, whichever is newer. A value that is posted twice stands there twice.

What is not in the README and can be switched on: a licence key for ``/register``, and
``DELETE /update``, as Zoneproof's own service has them.
"""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.support.fake_http import Reply, Request

FORBIDDEN = Reply(401, {"error": "forbidden"})


@dataclass
class Row:
    """A place for a value, and the second in which it was updated."""

    value: str = ""
    second: int = 0


@dataclass
class Account:
    """One registration and its rows."""

    username: str
    password: str
    allowfrom: list[str]
    rows: list[Row] = field(default_factory=lambda: [Row(), Row()])

    @property
    def values(self) -> list[str]:
        """The values that DNS answers with."""
        return [row.value for row in self.rows if row.value]


class FakeAcmeDns:
    """A handler for :class:`tests.support.fake_http.FakeHttpServer`; ``clock`` is in seconds."""

    def __init__(
        self,
        *,
        prefix: str = "",
        login: tuple[str, str] | None = None,
        forgets: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.domain = f"{secrets.token_hex(4)}.auth.example.org"
        self.accounts: dict[str, Account] = {}
        self._prefix = prefix
        self._login = login
        self._forgets = forgets
        self._clock = clock

    def __call__(self, request: Request) -> Reply:
        """Answer a request."""
        match request.method, request.path.removeprefix(self._prefix):
            case "POST", "/register":
                return self._register(request)
            case "POST", "/update":
                return self._update(request)
            case "DELETE", "/update" if self._forgets:
                return self._update(request)
            case _, "/register" | "/update":
                return Reply(405, b"Method Not Allowed\n", {"Allow": "OPTIONS, POST"})
        return Reply(404, b"404 page not found\n")

    def _register(self, request: Request) -> Reply:
        if self._login and request.login != self._login:
            return FORBIDDEN
        allowfrom: Sequence[str] = request.json.get("allowfrom", []) if request.body else []
        subdomain = str(uuid.uuid4())
        account = Account(str(uuid.uuid4()), secrets.token_urlsafe(30), list(allowfrom))
        self.accounts[subdomain] = account
        return Reply(
            201,
            {
                "username": account.username,
                "password": account.password,
                "fulldomain": f"{subdomain}.{self.domain}",
                "subdomain": subdomain,
                "allowfrom": account.allowfrom,
            },
        )

    def _update(self, request: Request) -> Reply:
        account = self.accounts.get(request.json["subdomain"])
        value = request.json["txt"]
        user, key = request.headers.get("x-api-user"), request.headers.get("x-api-key")
        if account is None or (user, key) != (account.username, account.password):
            return FORBIDDEN
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}", value):
            return Reply(400, {"error": "bad_txt"})
        if not self._forgets:
            row = min(account.rows, key=lambda row: row.second)  # the first one of equals
            row.value, row.second = value, int(self._clock())
        else:
            account.rows = [row for row in account.rows if row.value not in ("", value)]
            if request.method == "POST":
                account.rows = [*account.rows, Row(value)][-16:]
        return Reply(200, {"txt": value})
