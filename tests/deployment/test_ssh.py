"""The ssh task, against asyncssh's own server on loopback, with its SFTP in a folder."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.deployment.occasions import NAME, occasion, problem_of, task
from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.deployment import Task
from zoneproof.testing.ports import free_port


@dataclass
class Machine:
    """Another machine: what it holds, what ran there, and what signs in."""

    folder: Path
    port: int
    host_key: asyncssh.SSHKey
    user_key: asyncssh.SSHKey
    commands: list[str] = field(default_factory=list)

    @property
    def fields(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "deploy",
            "host_key": self.host_key.export_public_key().decode(),
            "private_key": self.user_key.export_private_key().decode(),
        }

    def task(self, **more: Any) -> Task:
        return task("ssh", **{**self.fields, **more})

    async def answer(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        command = process.command or ""
        self.commands.append(command)
        if command == "hang":  # whoever hangs up
            await asyncio.Event().wait()
        while command == "print":
            process.stdout.write(b"y\n" * 10_000)
            await process.stdout.drain()
        process.stdout.write(b"done\n" if command == "reload" else b"no such service\n")
        process.exit(0 if command == "reload" else 7)


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    folder = tmp_path / "machine"
    (folder / "tls").mkdir(parents=True)
    host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    allowed = tmp_path / "authorized_keys"
    user.write_public_key(allowed)
    machine = Machine(folder, free_port(), host, user)
    server = await asyncssh.listen(
        "127.0.0.1",
        machine.port,
        server_host_keys=[host],
        authorized_client_keys=str(allowed),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=bytes(folder)),
        process_factory=machine.answer,
        encoding=None,
    )
    yield machine
    server.close()
    await server.wait_closed()


async def test_files_are_copied_and_a_command_is_run(machine: Machine, tmp_path: Path) -> None:
    made = occasion(tmp_path / "home")
    assert made.material
    deploy = machine.task(fullchain="/tls/{name}.pem", key="/tls/key.pem", command="reload")
    assert await deploy.problems() == []
    said = await deploy.run(made)
    path, key = machine.folder / f"tls/{NAME}.pem", machine.folder / "tls/key.pem"
    assert said == (f"deploy@127.0.0.1: wrote /tls/{NAME}.pem, /tls/key.pem; ran the command: done")
    assert path.read_bytes() == made.material.chain.pem
    assert key.read_bytes() == made.material.private_key
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, key)] == [0o644, 0o600]
    key.chmod(0o640)
    assert "nothing to write; ran the command" in await deploy.run(made)
    again = occasion(tmp_path / "home")
    await deploy.run(again)
    assert stat.S_IMODE(key.stat().st_mode) == 0o640
    assert sorted(one.name for one in (machine.folder / "tls").iterdir()) == [
        "key.pem",
        f"{NAME}.pem",
    ]
    assert machine.commands == ["reload"] * 3


async def test_a_key_never_goes_into_a_file_that_others_have_laid_out(
    machine: Machine, tmp_path: Path
) -> None:
    loot, laid_out = machine.folder / "loot", machine.folder / "tls/key.pem.new"
    loot.touch()
    deploy = machine.task(key="/tls/key.pem", fullchain="/tls/site.pem")
    (machine.folder / "tls/site.pem.new").symlink_to("../loot")
    laid_out.touch()
    with laid_out.open("rb") as held:
        await deploy.run(occasion(tmp_path / "home"))
        assert held.read() == b""
    assert loot.read_bytes() == b""
    key = machine.folder / "tls/key.pem"
    assert stat.S_IMODE(key.lstat().st_mode) == 0o600
    assert not (machine.folder / "tls/site.pem").is_symlink()


async def test_a_link_in_place_of_a_key_gives_it_no_mode(machine: Machine, tmp_path: Path) -> None:
    loot, key = machine.folder / "loot", machine.folder / "tls/key.pem"
    loot.touch()
    loot.chmod(0o660)
    key.symlink_to("../loot")
    await machine.task(key="/tls/key.pem").run(occasion(tmp_path / "home"))
    assert loot.read_bytes() == b""
    assert stat.S_IMODE(key.lstat().st_mode) == 0o600
    assert not key.is_symlink()


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"])
async def test_a_host_is_asked_for_the_key_that_is_known(
    machine: Machine, tmp_path: Path, kind: str
) -> None:
    """One of sshd's usual three, given as ssh-keyscan prints it with its comment."""
    kinds = ("ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519")
    keys = {name: asyncssh.generate_private_key(name) for name in kinds}
    port = free_port()
    server = await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=list(keys.values()),
        authorized_client_keys=str(tmp_path / "authorized_keys"),
    )
    public = keys[kind].export_public_key().decode()
    scanned = f"# 127.0.0.1:{port} SSH-2.0-OpenSSH_9.6\n127.0.0.1 {public}"
    try:
        assert await machine.task(port=port, host_key=scanned, command="reload").problems() == []
    finally:
        server.close()
        await server.wait_closed()


async def test_two_parts_are_never_written_to_one_file(machine: Machine, tmp_path: Path) -> None:
    site = machine.folder / "tls/site.pem"
    site.write_text("old")
    deploy = machine.task(fullchain="/tls/site.pem", key="/tls/../tls/site.pem")
    with pytest.raises(DeploymentError, match=r"two files are to be written to .*site\.pem: give"):
        await deploy.run(occasion(tmp_path / "home"))
    assert site.read_text() == "old"
    assert list(site.parent.iterdir()) == [site]


async def test_the_files_of_before_are_back_when_one_cannot_be_replaced(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = asyncssh.SFTPServer.posix_rename

    def fail(server: asyncssh.SFTPServer, old: bytes, new: bytes) -> Any:
        if new == b"/tls/key.pem":
            raise asyncssh.SFTPPermissionDenied("the key is immutable")
        return rename(server, old, new)

    monkeypatch.setattr(asyncssh.SFTPServer, "posix_rename", fail)
    site = machine.folder / "tls/site.pem"
    site.write_text("old")
    site.chmod(0o640)
    deploy = machine.task(cert="/tls/cert.pem", fullchain="/tls/site.pem", key="/tls/key.pem")
    with pytest.raises(DeploymentError, match="the key is immutable"):
        await deploy.run(occasion(tmp_path / "home"))
    assert site.read_text() == "old"
    assert stat.S_IMODE(site.stat().st_mode) == 0o640
    assert list(site.parent.iterdir()) == [site]


async def test_a_machine_that_hangs_while_files_are_copied_is_given_up(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    for name in ("posix_rename", "remove"):
        monkeypatch.setattr(asyncssh.SFTPServer, name, hang)
    monkeypatch.setattr("zoneproof.deployment.ssh._UNDO_SECONDS", 0.1)
    deploy = machine.task(key="/tls/key.pem", timeout="0.5")
    with pytest.raises(DeploymentError, match=r"copying took longer than 0\.5 seconds"):
        await deploy.run(occasion(tmp_path / "home"))


async def test_another_host_key_is_refused_and_named(machine: Machine, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    deploy = machine.task(host_key=other, key="/tls/key.pem")
    offered = machine.host_key.get_fingerprint("sha256")
    with pytest.raises(DeploymentError, match=r"the host key is SHA256:.* not the one in host_key"):
        await deploy.run(occasion(tmp_path / "home"))
    problem = await problem_of(deploy)
    assert offered in problem
    assert not (machine.folder / "tls/key.pem").exists()


@pytest.mark.parametrize("form", ["fingerprint", "ssh-keyscan", "several"])
async def test_a_host_key_is_given_in_the_usual_forms(
    machine: Machine, tmp_path: Path, form: str
) -> None:
    line = machine.host_key.export_public_key().decode().strip()
    texts = {
        "fingerprint": machine.host_key.get_fingerprint("sha256"),
        "ssh-keyscan": f"# 127.0.0.1:22 SSH-2.0\n127.0.0.1 {line}".splitlines()[1],
        "several": f"SHA256:{'A' * 43}; {line} comment",
    }
    assert await machine.task(host_key=texts[form], key="/tls/key.pem").problems() == []


async def test_a_key_that_is_not_accepted_is_told(machine: Machine, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    with pytest.raises(DeploymentError, match="it does not accept the key: add its public half"):
        await machine.task(private_key=other, key="/tls/k").run(occasion(tmp_path / "home"))


async def test_an_encrypted_key_needs_its_password(machine: Machine) -> None:
    # By itself, asyncssh takes 128 rounds, which would only take long; bcrypt warns below 50.
    locked = machine.user_key.export_private_key(passphrase="hunter22", rounds=50).decode()
    fields = {"private_key": locked, "key": "/tls/k"}
    assert await machine.task(**fields, private_key_password="hunter22").problems() == []
    with pytest.raises(InvalidInputError, match="private_key_password does not open it") as raised:
        machine.task(**fields, private_key_password="hunter23")
    assert "hunter" not in raised.value.message


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"key": "/missing/key.pem"}, "cannot write /missing/key.pem"),
        ({"command": "fail"}, "failed with exit status 7, and said: no such service"),
        ({"command": "hang", "timeout": "0.5"}, r"took longer than 0\.5 seconds"),
        ({"command": "print"}, "printed more than 1 MiB"),
        ({"key": "/tls/k", "port": "1"}, "deploy@127.0.0.1: .*refused"),
    ],
    ids=["folder", "command", "hangs", "prints", "nobody"],
)
async def test_what_fails_is_told(
    machine: Machine, tmp_path: Path, more: dict[str, str], message: str
) -> None:
    with pytest.raises(DeploymentError, match=message):
        await machine.task(**more).run(occasion(tmp_path / "home"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "needs a field that names a file, or a command"),
        ({"key": "relative"}, "key must be an absolute path"),
        ({"key": "/k", "host_key": "nonsense"}, "host_key: 'nonsense' is not a public key"),
        ({"key": "/k", "private_key": "nonsense"}, "private_key is not a private key"),
        ({"key": "/k", "port": "70000"}, "port: '70000' is not a valid port"),
    ],
)
async def test_what_cannot_work_is_refused(
    machine: Machine, more: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        machine.task(**more)
