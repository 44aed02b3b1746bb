"""A home for the tests of stored credentials, and the command that uses it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.command import Result, run_zoneproof

SECRET = "c2VjcmV0LXNlY3JldA=="
RFC2136 = ["--field", "server=192.0.2.53", "--field", "key_name=k"]


class Home:
    """A home and the command that uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *arguments: str, **environment: str) -> Result:
        home = {"ZONEPROOF_HOME": str(self.path)}
        result = run_zoneproof(*arguments, environment={**home, **environment})
        assert SECRET not in result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        assert "bug" not in result.stderr
        return result

    def credential(self, *arguments: str, **environment: str) -> Result:
        return self.run("credential", *arguments, **environment)

    def add(self, *arguments: str) -> Result:
        return self.credential(
            "add", "rfc2136", *RFC2136, "--field", "secret=env:TSIG", *arguments, TSIG=SECRET
        )

    @property
    def list_text(self) -> str:
        result = self.credential("list")
        assert result.status == 0, result.stderr
        return result.stdout

    def shown(self, name: str = "rfc2136") -> Mapping[str, Any]:
        shown: dict[str, Any] = json.loads(self.credential("show", name, "--json").stdout)
        return shown

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path / "state.sqlite3")) as database:
            database.execute(sql)
            database.commit()


def error_of(result: Result, status: int = 2) -> str:
    assert result.status == status, result.stdout + result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr
