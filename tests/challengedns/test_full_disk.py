"""A full disk: DNS is answered with what is stored, all changes are refused, and it passes."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.challenge_service import (
    ZONE,
    Service,
    challenge_command,
    everywhere,
    register,
    request,
    txt,
    update,
    write_config,
)
from zoneproof.core.errors import ZoneproofError
from zoneproof.testing.ports import free_port


class FullDisk:
    """Lets a service's files grow no more, so that its writes fail, some of them half-way."""

    def __init__(self, service: Service, room: int) -> None:
        """``room`` is how many bytes more its largest file may get."""
        self._process = service.process.pid
        folder = service.config.parent
        self._limit = max(path.stat().st_size for path in folder.iterdir()) + room

    def __enter__(self) -> None:
        self._set(self._limit)

    def __exit__(self, *_: object) -> None:
        self._set(resource.RLIM_INFINITY)

    def _set(self, limit: int) -> None:
        kept = resource.prlimit(self._process, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self._process, resource.RLIMIT_FSIZE, (limit, kept))


@pytest.mark.parametrize("room", [0, 1000, 6000])
def test_a_full_disk_fails_updates_and_nothing_else_and_passes(tmp_path: Path, room: int) -> None:
    with Service(write_config(tmp_path)) as service:
        account = register(service.url)
        assert update(service.url, account, txt("a")).status == 200
        answered = {txt("a")}
        refused = 0
        with FullDisk(service, room):
            for letter in "bcdefghijklm":
                reply = update(service.url, account, txt(letter))
                if reply.status == 200:
                    answered.add(txt(letter))
                else:
                    assert (reply.status, reply.json) == (500, {"error": "db_error"})
                    refused += 1
            assert refused >= 5
            service.wait_for_line("the disk reports an error: check it and its free space")
            assert everywhere(service, account.fulldomain) == {tuple(sorted(answered))}
            assert request(service.url, "GET", "/health").status == 503
        assert update(service.url, account, txt("z")).status == 200
        assert request(service.url, "GET", "/health").status == 200
        assert everywhere(service, account.fulldomain) == {tuple(sorted({*answered, txt("z")}))}
        service.stop(signal.SIGKILL)
    with Service(service.config) as again:
        assert everywhere(again, account.fulldomain) == {tuple(sorted({*answered, txt("z")}))}


class StartedOnFullDisk(Service):
    """A service whose files cannot grow beyond a page of the database, from the start."""

    is_fork = False

    def __init__(self, config: Path) -> None:
        super().__init__(config)
        self.command = ["prlimit", "--fsize=4096:unlimited", *self.command]

    def make_room(self) -> None:
        for process in (self.process.pid, *self.workers()):
            resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_on_a_full_disk_a_start_answers_with_what_is_there_and_writes_once_there_is_room(
    tmp_path: Path, end: signal.Signals
) -> None:
    with Service(write_config(tmp_path)) as service:
        account = register(service.url)
        assert update(service.url, account, txt("a")).status == 200
        service.stop(end)
    with StartedOnFullDisk(service.config) as full:
        full.wait_for_line("until then DNS answers are unchanged, and all changes are refused")
        assert everywhere(full, account.fulldomain) == {(txt("a"),)}
        assert not full.texts(f"11111111-1111-4111-8111-111111111111.{ZONE}")
        assert update(full.url, account, txt("b")).status == 500
        assert request(full.url, "GET", "/health").status == 503
        full.make_room()
        full.wait_for_line("the database can be written again")
        assert request(full.url, "GET", "/health").status == 200
        assert update(full.url, account, txt("c")).status == 200
        assert everywhere(full, account.fulldomain) == {(txt("a"), txt("c"))}
        assert register(full.url)
    with Service(service.config) as again:
        assert everywhere(again, account.fulldomain) == {(txt("a"), txt("c"))}


def test_check_finds_a_full_disk_and_that_the_running_service_has_one(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    for _ in ("dns", "api"):
        path.write_text(path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{free_port()}", 1))
    check = ("serve", "--check", "--no-dns")
    with Service(path) as service:
        account = register(service.url)
        assert challenge_command(path, *check).status == 0
        with FullDisk(service, 0):
            assert update(service.url, account, txt("a")).status == 500
            done = challenge_command(path, *check)
            assert done.status == 1
            assert re.search(
                r"PROBLEM .*running service: the API at \S+ answers 503 to /health", done.stdout
            )
    before = sorted(tmp_path.iterdir())
    command = [sys.executable, "-m", "zoneproof", "challenge", *check, "--config", str(path)]
    done_full = subprocess.run(
        ["prlimit", "--fsize=40000", *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done_full.returncode == 0  # it may start: DNS answers
    assert re.search(r"note .*database: .*nothing can be written beside it", done_full.stdout)
    assert sorted(tmp_path.iterdir()) == before


def test_a_new_database_is_not_begun_on_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(ZoneproofError, match="the disk"), StartedOnFullDisk(write_config(tmp_path)):
        pass
