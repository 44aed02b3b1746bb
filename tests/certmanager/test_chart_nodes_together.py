"""Nodes with the files that the chart makes, as processes on one PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import pytest

from tests.certmanager.helm import only, render
from tests.support.challenge_service import Account, Service, register, request, texts, txt, update
from tests.support.nodes import wait_until
from tests.support.peers.postgres import PASSWORD, USER, Postgres
from zoneproof.core.errors import ZoneproofError
from zoneproof.testing.ports import free_port

ADDRESSES = ["127.0.0.41", "127.0.0.42", "127.0.0.43"]
POD = "zoneproof-nodes-{}.toml"


@pytest.fixture
def server() -> Iterator[Postgres]:
    with Postgres() as running:
        yield running


class Mounted:
    """The chart's files as the pods have them, but for what only a cluster and root have."""

    def __init__(self, folder: Path, server: Postgres) -> None:
        self._folder = folder
        self._url = f"postgresql://{USER}@127.0.0.1:{server.port}/postgres"
        self.port = free_port()

    def write(self, nodes: int) -> list[Path]:
        """Write the files for so many nodes, and return their paths."""
        service: dict[str, Any] = {
            "enabled": True,
            "zone": "auth.example.org",
            "openRegistration": True,
            "workers": 1,
            "tls": {"mode": "off"},
            "database": {"url": self._url, "existingSecret": "db"},
            "nodes": [
                {"name": f"ns{index + 1}", "addresses": [ADDRESSES[index]]}
                for index in range(nodes)
            ],
        }
        manifests = render({"webhook": {"enabled": False}, "challengeService": service})
        files = only(manifests, "ConfigMap")["data"]
        for index in range(nodes):
            text = files[POD.format(index)]
            for chart, here in (
                ("0.0.0.0:5353", f"{ADDRESSES[index]}:{self.port}"),
                (f"{ADDRESSES[index]}:53", f"{ADDRESSES[index]}:{self.port}"),
                ("0.0.0.0:8443", "127.0.0.1:0"),
                ("0.0.0.0:9153", "127.0.0.1:0"),
                ("/data/replica.db", f"replica-{index}.db"),
            ):
                assert f'"{chart}"' in text
                text = text.replace(f'"{chart}"', f'"{here}"')
            path = self._folder / POD.format(index)
            path.write_text(f'{text}\n[service]\nuser = "root"\n')
        return [self._folder / POD.format(index) for index in range(nodes)]


def started(path: Path, stack: contextlib.ExitStack) -> Service:
    """Start a node, as a kubelet does: again and again, until it may be asked."""
    found: list[Service] = []

    def try_once() -> bool:
        service = Service(path, "--reload-on-change")
        with contextlib.suppress(ZoneproofError):
            service.start()
            found.append(service)
        return bool(found)

    wait_until(try_once, f"{path.name} does not start")
    (service,) = found
    stack.callback(service.stop)
    wait_until(
        lambda: request(service.url, "GET", "/health").status == 200, "its readiness probe fails"
    )
    return service


def answers(address: str, port: int, account: Account) -> list[str]:
    question = dns.message.make_query(account.fulldomain, "TXT")
    return texts(dns.query.udp(question, address, port=port, timeout=10))


def test_a_node_is_added_by_files_alone(
    tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)  # as the container has it from its Secret
    mounted = Mounted(tmp_path, server)
    with contextlib.ExitStack() as stack:
        pair = [started(path, stack) for path in mounted.write(2)]
        account = register(pair[0].url)
        assert update(pair[1].url, account, txt("v")).status == 200
        for address in ADDRESSES[:2]:
            assert answers(address, mounted.port, account) == [txt("v")]

        *_, newcomer = mounted.write(3)
        for one in pair:
            one.wait_for_line("configuration reloaded")
        third = started(newcomer, stack)
        assert update(third.url, account, txt("w")).status == 200
        for address in ADDRESSES:
            assert answers(address, mounted.port, account) == [txt("v"), txt("w")]
