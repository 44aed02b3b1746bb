"""nginx, Apache and HAProxy from Debian take up certificates while clients come all the time."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509

from tests.deployment.occasions import occasion, task
from tests.support.peers.web_servers import SERVERS, WebServer
from zoneproof.core.errors import DeploymentError
from zoneproof.deployment import Occasion

RENEWALS = 10
CLIENTS = 4


@pytest.fixture(params=sorted(SERVERS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(kind: str, tmp_path: Path) -> Iterator[WebServer]:
    """A server with a certificate."""
    folder = tmp_path / "server"
    folder.mkdir()
    made = SERVERS[kind](folder)
    first = occasion(tmp_path / "home")
    fields = {name: path for name, path in made.fields.items() if path.endswith(".pem")}
    asyncio.run(task("copy", **fields).run(first))
    with made:
        yield made


def context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


async def served(server: WebServer) -> str:
    """Return the serial number of the certificate that a client gets, with a whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context())
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 "), answer[:100]
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return f"{x509.load_der_x509_certificate(der).serial_number:x}"
    finally:
        writer.close()


@asynccontextmanager
async def load(server: WebServer) -> AsyncIterator[tuple[Counter[str], asyncio.Condition]]:
    """Let clients come all the time; give how often each certificate was seen."""
    seen: Counter[str] = Counter()
    changed = asyncio.Condition()

    async def client() -> None:
        while True:
            serial = await served(server)
            async with changed:
                seen[serial] += 1
                changed.notify_all()

    async with asyncio.TaskGroup() as group:
        clients = [group.create_task(client()) for _ in range(CLIENTS)]
        yield seen, changed
        for one in clients:
            one.cancel()


async def until_seen(seen: Counter[str], changed: asyncio.Condition, made: Occasion) -> None:
    assert made.material
    serial = made.material.serial
    async with changed, asyncio.timeout(60):
        await changed.wait_for(lambda: seen[serial] > 0)


async def test_renewals_fail_no_handshake(kind: str, server: WebServer, tmp_path: Path) -> None:
    deploy = task(kind, **server.fields)
    assert await deploy.problems() == []
    async with load(server) as (seen, changed):
        for _ in range(RENEWALS):
            made = occasion(tmp_path / "home")
            said = await deploy.run(made)
            assert "succeeded; reloaded" in said
            await until_seen(seen, changed, made)
    assert len(seen) >= RENEWALS
    folder = Path(server.config).parent
    assert not list(folder.glob(".*.before"))


async def test_a_configuration_that_fails_its_test_changes_nothing(
    kind: str, server: WebServer, tmp_path: Path
) -> None:
    before = await served(server)
    good = server.config.read_text()
    server.config.write_text(f"{good}\nno such directive here\n")
    made = occasion(tmp_path / "home")
    deploy = task(kind, **server.fields)
    with pytest.raises(DeploymentError, match=r"exit status 1, .*; the old files are back"):
        await deploy.run(made)
    assert made.material
    for path in server.config.parent.glob("*.pem"):
        assert made.material.chain.leaf_pem not in path.read_bytes()
    assert await served(server) == before
    server.config.write_text(good)
    await deploy.run(made)
    async with load(server) as (seen, changed):
        await until_seen(seen, changed, made)


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])  # Apache's reload starts it
async def test_a_server_that_does_not_run_is_told(kind: str, tmp_path: Path) -> None:
    stopped = SERVERS[kind](tmp_path)
    with pytest.raises(DeploymentError):
        await task(kind, **stopped.fields).run(occasion(tmp_path / "home"))
