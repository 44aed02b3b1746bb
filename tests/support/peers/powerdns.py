"""PowerDNS as an authoritative server whose HTTP API changes zones, on an SQLite database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.support.peers import TOOLS, dns_tool, dns_tool_environment
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

API_KEY = "powerdns-api-key"
_SCHEMA = TOOLS / "dns/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"


class PowerDns(BackgroundServer):
    """A pdns_server for zones, each with an SOA, an NS and an address."""

    def __init__(
        self,
        folder: Path,
        zones: Sequence[str],
        *,
        address: str = "127.0.0.1",
        port: int | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.address = address
        self.port, self.api_port = port or free_port(address), free_port(address)
        database = folder / "pdns.sqlite3"
        self._database = database
        with self._open() as connection:
            connection.executescript(_SCHEMA.read_text())
            connection.executemany(
                "INSERT INTO domains (name, type) VALUES (?, 'NATIVE')", [[one] for one in zones]
            )
        for zone in zones:
            self.insert(zone, zone, "SOA", f"ns1.{zone} hostmaster.{zone} 1 3600 600 86400 60")
            self.insert(zone, zone, "NS", f"ns1.{zone}")
            self.insert(zone, f"ns1.{zone}", "A", address)
        modules = next((TOOLS / "dns/usr/lib").glob("*-linux-gnu*/pdns"))
        (folder / "pdns.conf").write_text(
            f"""
module-dir={modules}
socket-dir={folder}
launch=gsqlite3
security-poll-suffix=
gsqlite3-database={database}
local-address={self.address}
local-port={self.port}
receiver-threads=1
distributor-threads=1
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
api=yes
api-key={API_KEY}
webserver-address={self.address}
webserver-port={self.api_port}
"""
        )
        super().__init__(
            "PowerDNS",
            [dns_tool("pdns_server"), f"--config-dir={folder}"],
            r"operating unthreaded",
            environment=dns_tool_environment(),
            listens_at=(self.address, self.api_port),
        )

    @property
    def url(self) -> str:
        """The base URL of the API, without ``/api/v1``."""
        return f"http://{self.address}:{self.api_port}"

    def insert(self, zone: str, name: str, record_type: str, content: str) -> None:
        """Put a record into a zone, past the API; ``name`` is a full name, without final dot."""
        with self._open() as connection:
            connection.execute(
                "INSERT INTO records (domain_id, name, type, content, ttl)"
                " SELECT id, ?, ?, ?, 60 FROM domains WHERE name = ?",
                [name, record_type, content, zone],
            )

    def records(self, name: str) -> list[tuple[str, str]]:
        """Return the type and content of each record at a full name, without final dot."""
        with self._open() as connection:
            found = connection.execute("SELECT type, content FROM records WHERE name = ?", [name])
            return list(found)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._database, timeout=30)) as connection, connection:
            yield connection
