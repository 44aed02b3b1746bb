"""What stands in ``packaging/`` fits the program."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.challengedns.world import Service, write_config
from tests.peers import dns_tool, dns_tool_environment
from zoneproof.cli.challenge.init import _ROOT_CONFIG, _ROOT_DATABASE
from zoneproof.cli.challenge.serve import serve

PACKAGING = Path(__file__).parents[2] / "packaging"
UNIT = (PACKAGING / "zoneproof-challenge.service").read_text("utf-8")
DOCKERFILE = (PACKAGING / "Dockerfile").read_text("utf-8")


def test_the_unit_runs_what_init_made_with_options_that_exist() -> None:
    known = {option for parameter in serve.params for option in parameter.opts}
    commands = re.findall(r"^ExecStart(?:Pre)?=(.*)$", UNIT, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert f"zoneproof challenge serve --config {_ROOT_CONFIG}" in command
        assert set(re.findall(r"--[\w-]+", command)) <= known
    (folder,) = re.findall(r"^StateDirectory=(.*)$", UNIT, re.MULTILINE)
    assert Path("/var/lib", folder) == _ROOT_DATABASE.parent


@pytest.mark.parametrize(
    "setting",
    [
        "User=zoneproof",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "SystemCallFilter=@system-service",
    ],
)
def test_the_unit_gives_no_more_than_the_service_needs(setting: str) -> None:
    assert setting in UNIT.splitlines()


@pytest.mark.parametrize("unit", sorted(PACKAGING.glob("*.service")), ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit: Path) -> None:
    done = subprocess.run(
        [dns_tool("systemd-analyze"), "verify", str(unit)],
        env={**os.environ, **dns_tool_environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "error while loading" not in done.stderr
    said = [line for line in done.stderr.splitlines() if "zoneproof" in line]
    assert not said


def health_check(port: int) -> int:
    """Run the Dockerfile's HEALTHCHECK against a port, and return its exit code."""
    (text,) = re.findall(r"^    CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    _, *arguments = json.loads(text.replace("5353", str(port)))
    return subprocess.run([sys.executable, *arguments], capture_output=True, check=False).returncode


def test_the_container_is_healthy_while_dns_answers(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        assert health_check(service.dns_port) == 0
    assert health_check(service.dns_port) != 0


def test_the_container_is_nobodys_root_and_its_ports_are_those_it_says() -> None:
    lines = DOCKERFILE.splitlines()
    assert "USER zoneproof" in lines
    assert lines.index("USER zoneproof") < len(lines) - 1
    (exposed,) = (line for line in lines if line.startswith("EXPOSE "))
    for port in re.findall(r"\d+", exposed):
        assert f":{port}/" in DOCKERFILE
