"""A fake of acme-dns, after the section "API" of the README of github.com/joohoi/acme-dns.

Calls and answers are those of the README; that the server keeps the two newest values, and counts
a value that is posted twice twice, is how its storage works. What is not in the README and can be
switched on: a licence key for ``/register``, and ``DELETE /update``, as Zoneproof's own service
has them.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.providers.fake_http import Reply, Request

FORBIDDEN = Reply(401, {"error": "forbidden"})


@dataclass
class Account:
    """One registration and its values, oldest first."""

    username: str
    password: str
    allowfrom: list[str]
    values: list[str] = field(default_factory=list)


class FakeAcmeDns:
    """A handler for :class:`tests.providers.fake_http.FakeHttpServer`."""

    def __init__(
        self,
        *,
        prefix: str = "",
        login: tuple[str, str] | None = None,
        forgets: bool = False,
    ) -> None:
        self.domain = f"{secrets.token_hex(4)}.auth.example.org"
        self.accounts: dict[str, Account] = {}
        self._prefix = prefix
        self._login = login
        self._forgets = forgets

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
            account.values = [*account.values, value][-2:]
        else:
            account.values = [known for known in account.values if known != value]
            if request.method == "POST":
                account.values = [*account.values, value][-16:]
        return Reply(200, {"txt": value})
