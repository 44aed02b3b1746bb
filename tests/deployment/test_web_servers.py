"""nginx, Apache and HAProxy from Debian take up certificates while clients come all the time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.occasions import occasion, program, task
from tests.support.peers.web_servers import SERVERS, NginxServer, WebServer
from tests.support.tls_load import load, served
from zoneproof.core.errors import DeploymentError

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


async def test_renewals_fail_no_handshake(kind: str, server: WebServer, tmp_path: Path) -> None:
    deploy = task(kind, **server.fields)
    assert await deploy.problems() == []
    async with load(server.port, CLIENTS) as clients:
        for _ in range(RENEWALS):
            made = occasion(tmp_path / "home")
            said = await deploy.run(made)
            assert "succeeded; reloaded" in said
            assert made.material
            await clients.until_seen(made.material.serial)
    assert clients.failures == []
    assert len(clients.seen) >= RENEWALS
    folder = Path(server.config).parent
    assert not list(folder.glob(".*.before"))


async def test_a_configuration_that_fails_its_test_changes_nothing(
    kind: str, server: WebServer, tmp_path: Path
) -> None:
    before = await served(server.port)
    good = server.config.read_text()
    server.config.write_text(f"{good}\nno such directive here\n")
    made = occasion(tmp_path / "home")
    deploy = task(kind, **server.fields)
    with pytest.raises(
        DeploymentError, match=rf"exit status 1, .*{server.config.name}.*; the old files are back"
    ):
        await deploy.run(made)
    assert made.material
    for path in server.config.parent.glob("*.pem"):
        assert made.material.chain.leaf_pem not in path.read_bytes()
    assert await served(server.port) == before
    server.config.write_text(good)
    await deploy.run(made)
    async with load(server.port, CLIENTS) as clients:
        await clients.until_seen(made.material.serial)


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])  # Apache's reload starts it
async def test_a_server_that_does_not_run_is_told(kind: str, tmp_path: Path) -> None:
    stopped = SERVERS[kind](tmp_path)
    for _ in range(2):
        with pytest.raises(DeploymentError, match=r": start it$"):
            await task(kind, **stopped.fields).run(occasion(tmp_path / "home"))
        assert not list(tmp_path.glob(".*.before"))


async def test_nginx_that_does_not_run_is_told_by_its_own_words_too(tmp_path: Path) -> None:
    stopped = NginxServer(tmp_path)
    made = occasion(tmp_path / "home")
    for number, words in (("", "invalid PID number"), ("4194303", "No such process")):
        (tmp_path / "nginx.pid").write_text(number)
        with pytest.raises(DeploymentError, match=rf"{words}.*: nginx does not run: start it$"):
            await task("nginx", **stopped.fields).run(made)


async def test_a_haproxy_that_systemd_has_not_started_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "haproxy.service is not active, cannot reload."
    program(tmp_path / "bin", "systemctl", f"echo {said} >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    stopped = SERVERS["haproxy"](tmp_path)
    with pytest.raises(DeploymentError, match=rf"{said}: HAProxy does not run: start it$"):
        await task("haproxy", **{**stopped.fields, "pid_file": ""}).run(occasion(tmp_path / "home"))


async def test_an_apachectl_that_takes_one_word_only_is_given_one(tmp_path: Path) -> None:
    """As that of Red Hat's systems, apachectl(8) of httpd there."""
    refused = "Passing arguments to httpd using apachectl is no longer supported."
    log = tmp_path / "log"
    text = f'test $# = 1 || {{ echo "{refused}"; exit 1; }}; echo "$1" >>{log}'
    alone = program(tmp_path / "bin", "apachectl", text)
    made = occasion(tmp_path / "home")
    await task("apache", program=alone).run(made)
    assert log.read_text().split() == ["-t", "graceful"]
    with_file = program(tmp_path / "bin", "apache2ctl", f'echo "$*" >>{log}')
    await task("apache", program=f"{with_file} -f /x.conf").run(made)
    assert log.read_text().splitlines()[2:] == ["-f /x.conf -t", "-f /x.conf -k graceful"]


async def test_a_haproxy_that_proc_does_not_show_is_not_said_to_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ProtectProc=invisible, as in our own units: systemd.exec(5)."""
    monkeypatch.setattr("zoneproof.deployment.haproxy._PROC", tmp_path / "proc")
    stopped = SERVERS["haproxy"](tmp_path)
    Path(stopped.fields["pid_file"]).write_text(f"{os.getpid()}\n")
    with pytest.raises(DeploymentError, match=r"is hidden from this one: .*ProtectProc=default"):
        await task("haproxy", **stopped.fields).run(occasion(tmp_path / "home"))
