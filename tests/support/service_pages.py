"""The challenge service's pages: who may sign in to them, with what a browser would send."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.support.challenge_service import Service, challenge_command
from tests.support.web_pages import Client


@dataclass
class ServicePages:
    """A service that runs, with the keys of its operator and of two tenants."""

    service: Service
    operator_key: str
    keys: dict[str, str]

    @property
    def url(self) -> str:
        return self.service.url

    def stranger(self) -> Client:
        return Client(self.url)

    def operator(self) -> Client:
        return self.signed_in("/admin", self.operator_key)

    def tenant(self, name: str = "team") -> Client:
        return self.signed_in("/portal", self.keys[name])

    def signed_in(self, root: str, key: str) -> Client:
        client = Client(self.url)
        answer = client.post(f"{root}/sign-in", key=key)
        assert answer.status == 303, answer.text
        return client


def prepare(config: Path, *tenants: str) -> tuple[str, dict[str, str]]:
    """Make tenants; return an operator's key and those of the tenants."""
    operator = _key(config, "--operator")
    keys = {}
    for name in tenants:
        done = challenge_command(config, "tenant", "create", name, "--quota=20")
        assert done.status == 0, done.stderr
        keys[name] = _key(config, name)
    return operator, keys


def _key(config: Path, whose: str) -> str:
    done = challenge_command(config, "key", "create", whose, "--json")
    assert done.status == 0, done.stderr
    return str(json.loads(done.stdout)["key"])
