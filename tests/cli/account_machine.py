"""A machine with a home of its own, and ``zoneproof account`` on it, for the tests of accounts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import tests.support.peers  # noqa: F401  says where Pebble is
from tests.acme.conftest import MAC_KEY
from tests.support.command import Result, run_zoneproof
from zoneproof.acme import AccountKey
from zoneproof.manager import CertificateDefinition, Home, MethodDefinition, open_manager
from zoneproof.testing.pebble import Pebble

ZONEPROOF = [sys.executable, "-m", "zoneproof"]


class Machine:
    """A home, the commands that run in it, and all that they said."""

    def __init__(self, path: Path, pebble: Pebble) -> None:
        self.home = Home(path)
        self.pebble = pebble
        self.said = ""

    @property
    def ca(self) -> list[str]:
        return [f"--ca={self.pebble.directory_url}", f"--ca-bundle={self.pebble.ca_bundle}"]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "ZONEPROOF_HOME": str(self.home.path), "HMAC": MAC_KEY}

    def run(self, *arguments: str) -> Result:
        return self._run("account", *arguments)

    def crash(self, moment: str, *arguments: str) -> Result:
        """Run a command that is killed at the moment."""
        return self._run(moment, "account", *arguments, module="tests.cli.crash_in_account")

    def _run(self, *arguments: str, module: str = "zoneproof") -> Result:
        result = run_zoneproof(*arguments, environment=self.environment, module=module)
        self.said += result.stdout + result.stderr
        return result

    def ok(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.status == 0, result.stderr
        return result.stdout

    def facts(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    def register(self, name: str = "work", *more: str) -> Any:
        return self.facts("register", *self.ca, f"--name={name}", "--agree-tos", *more)

    def use_for(self, certificate: str, account: str) -> None:
        """Store a certificate that uses the account."""
        definition = CertificateDefinition(
            name=certificate,
            identifiers=(certificate,),
            method=(MethodDefinition(provider="manual"),),
            account=account,
        )

        async def save() -> None:
            async with open_manager(self.home) as manager:
                await manager.certificates.save(definition)

        asyncio.run(save())

    def stored_keys(self) -> list[AccountKey]:
        async def read() -> list[AccountKey]:
            async with open_manager(self.home) as manager:
                accounts = await manager.accounts.all()
            return [key for one in accounts for key in (one.key, one.next_key) if key]

        return asyncio.run(read())


def check_nothing_secret(machine: Machine) -> None:
    assert MAC_KEY not in machine.said
    assert "PRIVATE" not in machine.said
    for key in machine.stored_keys():
        for line in key.to_pem().decode().splitlines()[1:-1]:
            assert line not in machine.said
