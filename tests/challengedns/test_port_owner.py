"""Who has an address and port is said: the program that can be stopped, and only that one."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Literal

from tests.challengedns.processes import fails_to_start
from tests.support.challenge_service import Service, write_config
from zoneproof.serving.sockets import Endpoint, port_owner
from zoneproof.testing.ports import free_port


def test_who_has_the_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, Service(write_config(tmp_path)) as other:
        other_folder = tmp_path / "second"
        other_folder.mkdir()
        path = write_config(other_folder)
        text = path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{other.dns_port}", 1)
        path.write_text(text)
        line = fails_to_start(path)
        assert f"(process {other.process.pid})" in line
        assert "stop it or choose another port" in line
        assert taken


class Installed(Service):
    """The service with a Python of its own, as users have it."""

    is_fork = False


def test_the_service_is_said_to_have_the_port_and_not_its_workers(tmp_path: Path) -> None:
    with Installed(write_config(tmp_path)) as service:
        transports: list[Literal["tcp", "udp"]] = ["tcp", "udp"]
        for transport in transports:
            said = port_owner(Endpoint("127.0.0.1", service.dns_port), transport)
            assert said == f"zoneproof challenge serve (process {service.process.pid})"


def test_a_program_that_only_has_our_name_in_its_arguments_is_not_ours() -> None:
    port = free_port()
    listen = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print(1, flush=1)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{listen}; input()", "zoneproof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout
        assert other.stdout.readline()
        said = port_owner(Endpoint("127.0.0.1", port), "tcp")
        assert said.endswith(f"(process {other.pid})")
        assert not said.startswith("zoneproof")


def test_only_who_has_that_address_is_said() -> None:
    listen = (
        "import socket, sys; kind, host, port = sys.argv[1:];"
        " family = socket.AF_INET6 if ':' in host else socket.AF_INET;"
        " s = socket.socket(family, getattr(socket, kind)); s.bind((host, int(port)));"
        " s.listen() if kind == 'SOCK_STREAM' else None; print('ready', flush=True); input()"
    )
    port = free_port("127.0.0.2")

    def listener(kind: str, host: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", listen, kind, host, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        return process

    with (
        listener("SOCK_STREAM", "127.0.0.2") as tcp,
        listener("SOCK_DGRAM", "127.0.0.2") as udp,
        listener("SOCK_STREAM", "127.0.0.3") as other,
        listener("SOCK_STREAM", "::1") as six,
    ):
        expected: list[tuple[str, Literal["tcp", "udp"], list[subprocess.Popen[bytes]]]] = [
            ("127.0.0.2", "tcp", [tcp]),
            ("127.0.0.2", "udp", [udp]),
            ("127.0.0.3", "tcp", [other]),
            ("127.0.0.3", "udp", []),
            ("0.0.0.0", "tcp", [tcp, other]),
            ("::1", "tcp", [six]),
            ("::", "tcp", [six]),
        ]
        for host, transport, processes in expected:
            said = port_owner(Endpoint(host, port), transport)
            pids = {int(found) for found in re.findall(r"process (\d+)", said)}
            assert pids == {process.pid for process in processes}, (host, transport)
