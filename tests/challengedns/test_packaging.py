"""What stands in ``packaging/`` fits the program."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.challenge_service import ZONE, Service, write_config
from tests.support.peers import dns_tool, dns_tool_environment
from tests.support.self_signed import write_certificate
from zoneproof.cli.challenge.database import ROOT_CONFIG
from zoneproof.cli.challenge.init import _ROOT_FOLDER
from zoneproof.cli.challenge.serve import serve
from zoneproof.testing.ports import free_port

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
UNIT = (PACKAGING / "zoneproof-challenge.service").read_text("utf-8")
DOCKERFILE = (PACKAGING / "Dockerfile").read_text("utf-8")


def test_the_unit_runs_what_init_made_with_options_that_exist() -> None:
    known = {option for parameter in serve.params for option in parameter.opts}
    commands = re.findall(r"^ExecStart(?:Pre)?=(.*)$", UNIT, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert f"zoneproof challenge serve --config {ROOT_CONFIG}" in command
        assert set(re.findall(r"--[\w-]+", command)) <= known
    (folder,) = re.findall(r"^StateDirectory=(.*)$", UNIT, re.MULTILINE)
    assert Path("/var/lib", folder) == _ROOT_FOLDER


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


def health_check(config: Path) -> subprocess.CompletedProcess[str]:
    """Run the Dockerfile's HEALTHCHECK with another configuration."""
    (text,) = re.findall(r"^    CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    program, *arguments = json.loads(text.replace("/data/zoneproof.toml", str(config)))
    assert program == "zoneproof"
    return subprocess.run(
        [sys.executable, "-m", "zoneproof", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("tls", [False, True])
def test_the_container_is_healthy_while_all_configured_addresses_answer(
    tmp_path: Path, tls: bool
) -> None:
    dns_port, api_port = free_port(), free_port()
    path = write_config(tmp_path)
    text = path.read_text().replace("127.0.0.1:0", f"0.0.0.0:{dns_port}", 1)
    text = text.replace("127.0.0.1:0", f"127.0.0.1:{api_port}", 1)
    if tls:
        write_certificate(tmp_path, "api.example.org")
        files = 'tls = "file"\ncertificate = "cert.pem"\nkey = "key.pem"'
        text = text.replace("[api]", f"[api]\n{files}", 1)
    path.write_text(text)
    with Service(path):
        well = health_check(path)
        assert (well.returncode, well.stdout) == (0, "the service is healthy\n"), well.stderr
        path.write_text(text.replace(f"127.0.0.1:{api_port}", f"127.0.0.1:{free_port()}"))
        other = health_check(path)
        assert other.returncode == 1
        assert re.fullmatch(r"zoneproof: the API at \S+ does not answer: [^\[]*\n", other.stderr)
    path.write_text(text)
    gone = health_check(path)
    assert gone.returncode == 1
    assert f"DNS at 0.0.0.0:{dns_port} does not answer for {ZONE}; the API at" in gone.stderr


def test_the_image_begins_with_one_that_is_named_by_digest_and_is_made_of_known_hashes() -> None:
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${PYTHON_IMAGE}"] * 2
    assert "\nARG PYTHON_IMAGE\n\nFROM" in DOCKERFILE  # without a default
    (check,) = re.findall(r"^RUN (case (?:.*\\\n)*.* esac)$", DOCKERFILE, re.MULTILINE)
    for image, status in (("python:3.13-slim", 1), ("", 1), (f"python@sha256:{'0' * 64}", 0)):
        done = subprocess.run(
            ["sh", "-c", check], env={"PYTHON_IMAGE": image}, capture_output=True, check=False
        )
        assert done.returncode == status
    installs = [line for line in DOCKERFILE.splitlines() if "pip install" in line]
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-index --no-deps" in line for line in installs)


def pinned(path: Path) -> dict[str, str]:
    """Return the versions of a file of requirements; each has hashes if any has."""
    text = path.read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, version = re.match(r"([a-z0-9-]+)==([^ ;]+)", line).groups()  # type: ignore[union-attr]
            found[name] = version
            assert ("--hash=sha256:" in line) == ("--hash=" in text)
    return found


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(each) for each in itertools.chain(project["dependencies"], *extras)]


def test_the_image_has_the_versions_that_the_tests_ran_with() -> None:
    image = pinned(PACKAGING / "requirements.txt")
    tested = pinned(ROOT / "scripts" / "constraints.txt")
    assert image.items() <= tested.items()
    of_the_manager = {"argon2-cffi", "asyncssh", "dns-lexicon", "jinja2", "joserfc"}
    of_the_manager |= {"pyyaml", "webauthn"}
    for each in requirements():
        if each.name not in of_the_manager:  # which are not in the image
            assert each.specifier.contains(image[each.name])
    built = pinned(PACKAGING / "build-requirements.txt")
    assert "hatchling" in built
    assert all(tested.get(name, version) == version for name, version in built.items())


# The last versions with a known hole: CVE-2026-63374, CVE-2026-7246, CVE-2026-69247,
# CVE-2023-29483, CVE-2026-22701, CVE-2025-43859, CVE-2026-45409, CVE-2026-54283, CVE-2020-7695.
@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("anyio", "4.14.1"),
        ("click", "8.3.2"),
        ("cryptography", "49.0.0"),
        ("dnspython", "2.6.0"),
        ("filelock", "3.20.2"),
        ("h11", "0.15.0"),
        ("idna", "3.14"),
        ("starlette", "1.3.0"),
        ("uvicorn", "0.11.6"),
    ],
)
def test_no_version_with_a_known_hole_can_be_installed(name: str, version: str) -> None:
    (found,) = (each for each in requirements() if each.name == name)
    assert not found.specifier.contains(version)


def test_a_uvicorn_whose_inner_parts_may_be_others_is_not_taken() -> None:
    (found,) = (each for each in requirements() if each.name == "uvicorn")
    assert not found.specifier.contains("1.0")


HARDENED = [
    "CapabilityBoundingSet=",
    "LockPersonality=yes",
    "MemoryMax=",
    "NoNewPrivileges=yes",
    "PrivateDevices=yes",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHome=",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "ProtectSystem=",
    "RemoveIPC=yes",
    "RestrictAddressFamilies=",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SyslogIdentifier=zoneproof",
    "UMask=0077",
]


@pytest.mark.parametrize("unit", sorted(PACKAGING.glob("*.service")), ids=lambda unit: unit.name)
def test_every_unit_is_hardened_in_the_same_ways(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert [each for each in HARDENED if not any(line.startswith(each) for line in lines)] == []


def test_the_service_may_not_run_what_it_writes_to_memory() -> None:
    """It runs no programs of others, as the manager's tasks do (tests/deployment/test_units.py)."""
    lines = (PACKAGING / "zoneproof-challenge.service").read_text().splitlines()
    assert "MemoryDenyWriteExecute=yes" in lines


@pytest.mark.parametrize("name", ["zoneproof", "zoneproof-renew"])
def test_the_manager_s_units_can_write_where_certificates_are_used(name: str) -> None:
    """Servers have them below /etc, and webroots may be below /home."""
    lines = (PACKAGING / f"{name}.service").read_text().splitlines()
    closing = ("ProtectSystem=", "ProtectHome=", "ReadOnlyPaths=", "InaccessiblePaths=")
    found = [line for line in lines if line.startswith(closing)]
    assert found == ["ProtectSystem=yes", "ProtectHome=no"]


def test_the_container_is_nobodys_root_and_its_ports_are_those_it_says() -> None:
    lines = DOCKERFILE.splitlines()
    assert "USER zoneproof" in lines
    assert lines.index("USER zoneproof") < len(lines) - 1
    (exposed,) = (line for line in lines if line.startswith("EXPOSE "))
    for port in re.findall(r"\d+", exposed):
        assert f":{port}/" in DOCKERFILE
