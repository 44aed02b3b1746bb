"""Commands that share a process know nothing of each other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import command
from tests.support.command import run_zoneproof
from zoneproof import __version__


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(command, "_runners", [])
    yield
    for runner in command._runners:
        runner.end()


def test_each_has_its_own_environment_folder_and_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        home = {"ZONEPROOF_HOME": str(folder / "home")}
        (folder / "certs.toml").write_text(f'[[certificate]]\nidentifiers = ["{name}.example"]\n')
        assert run_zoneproof("apply", "-f", "certs.toml", environment=home).status == 0
        listed = run_zoneproof("list", environment=home).stdout
        assert [line.split()[0] for line in listed.splitlines()] == ["NAME", f"{name}.example"]
        assert "no such option" in run_zoneproof("list", "--nothing").stderr.lower()
    assert len(command._runners) == 1


def test_several_at_once_have_several_processes() -> None:
    begin = threading.Barrier(2)

    def run() -> str:
        begin.wait(60)
        return run_zoneproof("--version").stdout

    async def both() -> list[str]:
        return list(await asyncio.gather(asyncio.to_thread(run), asyncio.to_thread(run)))

    for said in asyncio.run(both()):
        assert __version__ in said


def test_what_is_given_up_answers_no_other() -> None:
    with pytest.raises(TimeoutError):
        run_zoneproof("list", timeout=0)
    assert command._runners == []
    assert __version__ in run_zoneproof("--version").stdout


def test_a_process_is_replaced_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_MOST_COMMANDS", 2)
    for left in ([1], [], [1]):
        assert run_zoneproof("--version").status == 0
        assert [one.left for one in command._runners] == left
