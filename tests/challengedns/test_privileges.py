"""Started by root, the service is somebody else once it has its ports. These tests run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.challengedns.processes import kill_workers, refusal
from tests.support.challenge_service import (
    Service,
    challenge_command,
    everywhere,
    register,
    txt,
    update,
    write_config,
)
from tests.support.command import Result
from tests.support.mounts import needs_mounts
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.runtime.privileges import service_user
from zoneproof.core.errors import ConfigError

USER = "nobody"
_NOT_NEEDED = ("site-packages", "test", "tests", "idlelib", "ensurepip", "lib2to3", "config-*")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter, which pytest's are not."""
    path = Path(tempfile.mkdtemp(prefix="zoneproof-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def python() -> Iterator[str]:
    """An interpreter that everybody may run, with the packages of this one."""
    executable = Path(sys.executable).resolve()
    if all(parent.stat().st_mode & 0o001 for parent in executable.parents):
        yield sys.executable
        return
    # Root's own interpreter: a copy of it where everybody may read stands in for an installed one.
    copy = Path(tempfile.mkdtemp(prefix="zoneproof-python-"))
    copy.chmod(0o755)
    shutil.copytree(
        sysconfig.get_path("stdlib"),
        copy / "lib" / _version(),
        ignore=shutil.ignore_patterns(*_NOT_NEEDED),
    )
    (copy / "bin").mkdir()
    shutil.copy2(executable, copy / "bin" / "python")
    libraries = Path(sysconfig.get_config_var("LIBDIR") or "").glob("libpython*.so*")
    for library in libraries:
        shutil.copy2(library, copy / "lib" / library.name)
    yield str(copy / "bin" / "python")
    shutil.rmtree(copy)


def _version() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


class DroppingService(Service):
    """The service, run with another interpreter."""

    is_fork = False

    def __init__(self, config: Path, python: str) -> None:
        super().__init__(config)
        if python != sys.executable:
            self.command[0] = python
            self._environment["PYTHONPATH"] = os.pathsep.join(
                path for path in sys.path if path and not path.startswith(sys.base_prefix)
            )
            self._environment["LD_LIBRARY_PATH"] = str(Path(python).parents[1] / "lib")


def user_config(folder: Path, user: str = USER) -> Path:
    path = write_config(folder)
    text = path.read_text().replace('user = "root"', f'user = "{user}"')
    path.write_text(f'database = "state/challenge.db"\n{text}')
    path.chmod(0o640)
    os.chown(path, 0, pwd.getpwnam(USER).pw_gid)
    return path


def user_ids(process: int) -> set[str]:
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("Uid:"))
    (groups,) = (line for line in status.splitlines() if line.startswith("Groups:"))
    assert not groups.split()[1:]
    return set(line.split()[1:])


def test_no_process_of_the_service_is_root_afterwards(folder: Path, python: str) -> None:
    nobody = {str(pwd.getpwnam(USER).pw_uid)}
    with DroppingService(user_config(folder), python) as service:
        account = register(service.url)
        assert update(service.url, account, txt("a")).status == 200
        kill_workers(service)
        assert everywhere(service, account.fulldomain) == {(txt("a"),)}
        processes = [service.process.pid, *service.workers()]
        assert len(processes) == 4
        for process in processes:
            assert user_ids(process) == nobody
        assert (folder / "state").stat().st_uid == pwd.getpwnam(USER).pw_uid
        assert (folder / "state").stat().st_mode & 0o777 == 0o700
        service.process.send_signal(signal.SIGHUP)
        service.wait_for_line("configuration reloaded")
        assert update(service.url, account, txt("b")).status == 200
        assert everywhere(service, account.fulldomain) == {(txt("a"), txt("b"))}
        assert not [line for line in service.lines if "runs as root" in line]


def fails_to_start(config: Path) -> str:
    """Return the one line that the service, started anew, says instead of serving."""
    done = subprocess.run(
        [sys.executable, "-m", "zoneproof", "challenge", "serve", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return refusal(Result(done.returncode, done.stdout, done.stderr))


def test_a_database_of_another_user_is_told_with_what_helps(folder: Path) -> None:
    path = user_config(folder)
    (folder / "state").mkdir(mode=0o700)
    line = fails_to_start(path)
    assert "chown" in line or "install Zoneproof where all users may read" in line


def test_a_folder_is_the_user_s_only_if_nothing_else_is_there(folder: Path, python: str) -> None:
    path, state = user_config(folder), folder / "state"
    state.mkdir(mode=0o755)
    assert f"run 'chown {USER} {state}'" in check_output(path, python)
    (state / "passwd").touch()
    text = check_output(path, python)
    assert "chown" not in text
    assert f"choose another place for 'database', such as {state}/zoneproof/challenge.db" in text


def test_a_key_that_is_missing_is_not_called_unreadable(folder: Path, python: str) -> None:
    path = user_config(folder)
    certificate, key = folder / "cert.pem", folder / "key.pem"
    tls = f'[api]\ntls = "file"\ncertificate = "{certificate}"\nkey = "{key}"\n'
    path.write_text(path.read_text().replace("[api]\n", tls))
    certificate.touch()
    assert f"PROBLEM  user: 'api.key' {key} does not exist\n" in check_output(path, python)
    key.touch(0o600)
    assert f"the user '{USER}' cannot read 'api.key' {key}: let" in check_output(path, python)


@needs_mounts
def test_a_read_only_file_system_is_no_matter_of_whose_the_folder_is(
    folder: Path, python: str
) -> None:
    path = user_config(folder)
    with DroppingService(path, python):
        pass
    state = folder / "state"
    mount = f'mount --bind {state} {state} && mount -o remount,ro,bind {state} && exec "$@"'
    text = check_output(path, python, "unshare", "--mount", "sh", "-c", mount, "sh")
    assert f"the file system of {state}, where the database is, is mounted" in text
    assert "chown" not in text


def test_a_user_that_does_not_exist_is_told_with_the_command_that_makes_one(folder: Path) -> None:
    line = fails_to_start(user_config(folder, "zp-unknown"))
    assert "useradd --system --no-create-home zp-unknown" in line


def check_output(config: Path, python: str, *prefix: str) -> str:
    """Return what the check says, which finds a problem."""
    service = DroppingService(config, python)
    done = subprocess.run(
        [*prefix, *service.command, "--check", "--no-dns"],
        env=service._environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    return done.stdout


def test_a_configuration_that_the_user_cannot_read_is_told(folder: Path, python: str) -> None:
    path = user_config(folder)
    path.chmod(0o600)
    text = check_output(path, python)
    assert f"the user '{USER}' cannot read {path}" in text
    assert f"chgrp {USER}" in text


def without_a_user(folder: Path) -> Path:
    path = write_config(folder)
    path.write_text(path.read_text().replace('[service]\nuser = "root"\n', ""))
    return path


def test_root_stays_root_only_if_it_is_told_to(tmp_path: Path) -> None:
    line = fails_to_start(without_a_user(tmp_path))
    assert "there is no user 'zoneproof' to switch to from root" in line
    assert "useradd --system --no-create-home zoneproof" in line
    assert "'root' keeps root" in line
    assert not (tmp_path / "challenge.db").exists()
    with Service(write_config(tmp_path)) as service:
        assert user_ids(service.process.pid) == {"0"}


def test_the_check_tells_that_there_is_no_user_to_become(tmp_path: Path) -> None:
    done = challenge_command(without_a_user(tmp_path), "serve", "--check", "--no-dns")
    assert done.status == 1
    assert "PROBLEM  user: " in done.stdout
    assert "there is no user 'zoneproof' to switch to" in done.stdout


def test_the_unknown_user_is_an_error_of_the_configuration(folder: Path) -> None:
    with pytest.raises(ConfigError, match="there is no user 'zp-unknown'"):
        service_user(load_config(user_config(folder, "zp-unknown")))
