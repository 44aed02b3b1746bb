"""The ssh task against OpenSSH's own server, whose user may write to a folder of its own."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.deployment.occasions import NAME, occasion, problem_of, task
from tests.support.command import run_zoneproof
from tests.support.full_home import issued
from tests.support.peers.openssh import OpensshServer
from zoneproof.core.errors import DeploymentError
from zoneproof.deployment import Task
from zoneproof.manager import CertificateDefinition, Home, MethodDefinition, open_manager

RENEWALS = 10


@pytest.fixture
def server() -> Iterator[OpensshServer]:
    with OpensshServer() as running:
        yield running


def opened(server: OpensshServer, **more: Any) -> Task:
    return task("ssh", **{**server.fields, **more})


async def test_files_are_copied_and_a_command_is_run(server: OpensshServer, tmp_path: Path) -> None:
    path, key, noted = (server.home / name for name in (f"{NAME}.pem", "key.pem", "noted"))
    deploy = opened(
        server,
        fullchain=server.home / "{name}.pem",
        key=key,
        command=f'echo "$USER reloads" >>{noted}; echo done',
    )
    assert await deploy.problems() == []
    made = occasion(tmp_path)
    assert made.material
    assert await deploy.run(made) == f"deploy@127.0.0.1: wrote {path}, {key}; ran the command: done"
    assert path.read_bytes() == made.material.chain.pem
    assert key.read_bytes() == made.material.private_key
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, key)] == [0o644, 0o600]
    key.chmod(0o640)
    assert "nothing to write; ran the command" in await deploy.run(made)
    await deploy.run(occasion(tmp_path))
    assert stat.S_IMODE(key.stat().st_mode) == 0o640
    assert noted.read_text() == "deploy reloads\n" * 3
    assert {one.name for one in server.home.iterdir()} == {path.name, "key.pem", "noted"}


async def test_whoever_reads_a_file_gets_a_whole_one(server: OpensshServer, tmp_path: Path) -> None:
    path = server.home / "combined.pem"
    deploy = opened(server, combined=path)
    await deploy.run(occasion(tmp_path))
    contents, seen, ended = {path.read_bytes()}, set(), threading.Event()

    def read_all_the_time() -> None:
        while not ended.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read_all_the_time)
    reader.start()
    try:
        for _ in range(RENEWALS):
            await deploy.run(occasion(tmp_path))
            contents.add(path.read_bytes())
    finally:
        ended.set()
        reader.join()
    assert len(contents) == RENEWALS + 1
    assert seen <= contents


async def test_another_host_key_is_refused_before_anything_is_sent(
    server: OpensshServer, tmp_path: Path
) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    offered = server.host_key.get_fingerprint("sha256")
    deploy = opened(server, host_key=other, key=server.home / "key.pem")
    with pytest.raises(DeploymentError) as raised:
        await deploy.run(occasion(tmp_path))
    assert raised.value.message == (
        f"deploy@127.0.0.1: the host key is {offered}, which is not the one in host_key: find out"
        " why before you change that"
    )
    assert await problem_of(deploy) == raised.value.message
    assert not any("Accepted" in line for line in server.lines)
    assert list(server.home.iterdir()) == []


async def test_a_host_whose_kind_of_key_is_not_known_is_refused(
    server: OpensshServer, tmp_path: Path
) -> None:
    rsa = asyncssh.generate_private_key("ssh-rsa", key_size=2048).export_public_key().decode()
    with pytest.raises(DeploymentError, match="which is not the one in host_key"):
        await opened(server, host_key=rsa, key="/k").run(occasion(tmp_path))


async def test_a_key_that_is_not_authorized_is_told(server: OpensshServer, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    with pytest.raises(DeploymentError, match="it does not accept the key: add its public half"):
        await opened(server, private_key=other, key="/k").run(occasion(tmp_path))


async def test_a_command_that_does_not_end_is_not_waited_for(
    server: OpensshServer, tmp_path: Path
) -> None:
    deploy = opened(server, command="exec sleep 100", timeout="1")
    async with asyncio.timeout(50):
        with pytest.raises(DeploymentError, match="the command took longer than 1 seconds"):
            await deploy.run(occasion(tmp_path))


async def test_a_folder_that_may_not_be_written_is_named(
    server: OpensshServer, tmp_path: Path
) -> None:
    locked = server.home / "tls"
    locked.mkdir()
    locked.chmod(0o500 if server.is_own_user else 0o755)
    path = locked / "key.pem"
    with pytest.raises(DeploymentError, match=f"cannot write {path}: Permission denied"):
        await opened(server, key=path, command="touch ran").run(occasion(tmp_path))
    assert not (server.home / "ran").exists()
    missing = server.home / "none" / "key.pem"
    with pytest.raises(DeploymentError, match=f"cannot write {missing}: No such file"):
        await opened(server, key=missing).run(occasion(tmp_path))


async def test_a_file_that_cannot_be_written_leaves_the_others_as_they_were(
    server: OpensshServer, tmp_path: Path
) -> None:
    good, bad = server.home / "cert.pem", server.home / "none" / "key.pem"
    with pytest.raises(DeploymentError, match=f"cannot write {bad}"):
        await opened(server, fullchain=good, key=bad).run(occasion(tmp_path))
    assert list(server.home.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "echo no such service >&2; exit 7",
            "failed with exit status 7, and said: no such service",
        ),
        ("kill -9 $$", "was ended by the signal KILL"),
        ("exec yes", "printed more than 1 MiB"),
    ],
)
async def test_a_command_that_fails_says_how(
    server: OpensshServer, tmp_path: Path, command: str, message: str
) -> None:
    with pytest.raises(DeploymentError, match=message):
        await opened(server, command=command).run(occasion(tmp_path))


async def test_nobody_listening_is_told(server: OpensshServer, tmp_path: Path) -> None:
    server.stop()
    with pytest.raises(DeploymentError, match=r"deploy@127\.0\.0\.1: .*refused"):
        await opened(server, key="/k").run(occasion(tmp_path))


async def test_the_key_comes_from_the_vault(server: OpensshServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with open_manager(Home(home)) as manager:
        method = MethodDefinition(provider="manual")
        definition = CertificateDefinition(name=NAME, identifiers=(NAME,), method=(method,))
        await manager.certificates.save(definition.check())
        manager.files.write(NAME, issued(NAME))
    environment = {"ZONEPROOF_HOME": str(home)}
    fields = dict(server.fields)
    key_file = tmp_path / "id_ed25519"
    key_file.write_text(fields.pop("private_key"))
    host_key = tmp_path / "host_key"
    host_key.write_text(fields.pop("host_key"))
    copy = server.home / "fullchain.pem"
    stored = [f"--field={name}={value}" for name, value in fields.items()]
    stored += [f"--field=private_key=@{key_file}", f"--field=host_key=@{host_key}"]
    for arguments in (
        ["credential", "add", "ssh", "--name", "web1", *stored],
        ["edit", NAME, "--deploy", f"ssh:credential=web1,fullchain={copy}"],
        ["deploy", NAME],
    ):
        result = run_zoneproof(*arguments, environment=environment)
        assert result.status == 0, result.stderr
        key_text = server.user_key.export_private_key().decode()
        assert key_text.splitlines()[1] not in result.stdout + result.stderr
    assert copy.read_bytes() == (home / "live" / NAME / "fullchain.pem").read_bytes()
    assert key_text.splitlines()[1].encode() not in b"".join(
        one.read_bytes() for one in home.rglob("*") if one.is_file()
    )
