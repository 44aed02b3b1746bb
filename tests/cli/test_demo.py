"""``zoneproof demo``: the whole of Zoneproof on one machine."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

import tests.support.peers  # noqa: F401  tells where Pebble is
from tests.support.command import Result, run_zoneproof
from tests.support.command_tree import check


@dataclass(frozen=True)
class Demo:
    """How it went, and the folder for its files."""

    folder: Path
    done: Result


def run(folder: Path, *arguments: str, **environment: str) -> Result:
    environment["TMPDIR"] = str(folder)
    return run_zoneproof("demo", *arguments, environment=environment, timeout=60)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    return Demo(folder, run(folder))


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of running processes that name the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def test_what_lies_in_the_current_folder_is_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "of anybody"
    trap.mkdir()
    (trap / "click.py").write_text("open('ran', 'w').close()")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "zoneproof", "demo"],
        cwd=trap,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert [one.name for one in trap.iterdir()] == ["click.py"]
    assert done.returncode == 0, done.stderr


def test_a_wildcard_certificate_is_obtained_and_nothing_is_left(demo: Demo) -> None:
    assert demo.done.status == 0, demo.done.stderr
    assert re.search(
        r"_acme-challenge\.demo\.test\. IN CNAME [0-9a-f-]{36}\.auth\.test\.", demo.done.stdout
    )
    assert "demo.test, *.demo.test" in demo.done.stdout
    assert "Pebble" in demo.done.stdout
    assert list(demo.folder.iterdir()) == []
    assert processes_in(demo.folder) == []


def test_the_files_can_be_kept(tmp_path: Path) -> None:
    done = run(tmp_path, "--keep")
    assert done.status == 0, done.stderr
    (folder,) = tmp_path.iterdir()
    assert str(folder) in done.stdout
    leaf = x509.load_pem_x509_certificate((folder / "live/demo.test/cert.pem").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"demo.test", "*.demo.test"}
    assert processes_in(tmp_path) == []


def test_what_it_says_to_do_next_can_be_pasted(demo: Demo, tmp_path: Path) -> None:
    # Not as `zoneproof`, which is not on PATH where a checkout is tried.
    _, _, end = demo.done.stdout.partition("Next, with a domain")
    lines = [line.strip() for line in end.splitlines()[1:] if line.startswith("     ")]
    assert lines[0] == "domain=example.com"
    assert len(lines) == 5
    for line in lines[1:]:
        # Two of them ask the internet, so what they would do is not done.
        done = subprocess.run(
            ["/bin/sh", "-c", f"{lines[0]}; {line} --help"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), line
        check(shlex.split(line.partition(" zoneproof ")[2]))


def test_without_pebble_one_line_says_what_to_install(tmp_path: Path) -> None:
    done = run(tmp_path, ZONEPROOF_PEBBLE="", PATH=str(tmp_path))
    assert done.status == 1
    assert done.stderr.count("\n") == 1
    assert "install the 'pebble' package" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "zoneproof", "demo"],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "3. zoneproof issue" in line:
                break
        process.send_signal(how)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []
    assert processes_in(tmp_path) == []
