"""acme-dns 2 or newer as a peer, when its binary is there: $ACME_DNS holds the path."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bench._accounts import REGISTER_REQUEST, Account, account, value
from bench._http import Connection
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

_CONFIG = """
[general]
listen = "127.0.0.1:{dns_port}"
protocol = "both4"
domain = "{zone}"
nsname = "ns1.{zone}"
nsadmin = "hostmaster.bench.test"
records = ["{zone}. NS ns1.{zone}."]
debug = false
[database]
engine = "sqlite"
connection = "{folder}/acme-dns.db"
[api]
ip = "127.0.0.1"
port = "{api_port}"
tls = "none"
disable_registration = false
use_header = false
[logconfig]
loglevel = "info"
logtype = "stdout"
logformat = "text"
"""


def acme_dns_binary() -> str | None:
    """Return the path of the binary, if one was given."""
    return os.environ.get("ACME_DNS")


class AcmeDns(BackgroundServer):
    """An acme-dns with a SQLite database, as its documentation sets it up, and without TLS."""

    def __init__(self, folder: Path, zone: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.dns_port = free_port()
        self.api = ("127.0.0.1", free_port())
        self._database = folder / "acme-dns.db"
        config = folder / "config.cfg"
        config.write_text(
            _CONFIG.format(
                dns_port=self.dns_port, api_port=self.api[1], zone=zone, folder=folder.absolute()
            )
        )
        super().__init__(
            "acme-dns",
            [acme_dns_binary() or "acme-dns", "-c", str(config)],
            r"Listening HTTP",
            listens_at=self.api,
        )

    def register(self) -> tuple[Account, str]:
        """Make a registration; return it and its full name."""
        with Connection(self.api) as connection:
            made = json.loads(connection.exchange(REGISTER_REQUEST).body)
        return Account(made["subdomain"], made["username"], made["password"]), made["fulldomain"]

    def fill(self, count: int) -> None:
        """Give it the registrations and values that :func:`bench._service.fill` gives ours.

        Before it serves: it is started once, to make its tables. Registering over its API would
        take 60 ms for each.
        """
        with self:
            pass
        with closing(sqlite3.connect(self._database)) as database, database:
            for number in range(count):
                made = account(number)
                nobody = f"no key opens this {number}"
                database.execute(
                    "INSERT INTO records (Username, Password, Subdomain, AllowFrom)"
                    " VALUES (?, ?, ?, '[]')",
                    (made.username, nobody, made.subdomain),
                )
                database.executemany(
                    "INSERT INTO txt (Subdomain, Value, LastUpdate) VALUES (?, ?, ?)",
                    [(made.subdomain, value(number), 1), (made.subdomain, "", 0)],
                )
