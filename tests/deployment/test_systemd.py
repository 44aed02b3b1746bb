"""Units that are reloaded: by the systemd that runs here, or by a stand-in where none does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.occasions import occasion, program, task
from tests.support.peers import systemd
from tests.support.peers.systemd import Unit
from zoneproof.core.errors import DeploymentError, InvalidInputError


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unit]:
    with systemd.unit(tmp_path) as made:
        monkeypatch.setenv("PATH", made.path)
        yield made


async def test_a_unit_is_reloaded(unit: Unit, tmp_path: Path) -> None:
    reload = task("systemd", unit=unit.name, action="reload", scope=unit.scope)
    assert await reload.problems() == []
    for times in (1, 2):
        assert await reload.run(occasion(tmp_path / "home")) == f"{unit.name}: reload"
        assert unit.reloads == times


async def test_a_unit_that_is_not_there_is_named(unit: Unit, tmp_path: Path) -> None:
    name = f"{unit.name}-none"
    other = task("systemd", unit=name, action="reload", scope=unit.scope)
    assert await other.problems() == [f"systemd does not know the unit {name} (not-found)"]
    with pytest.raises(DeploymentError, match=rf"exit status 5, and said: .*{name}\.service not"):
        await other.run(occasion(tmp_path / "home"))
    assert unit.reloads == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"unit": "postfix"}, "--no-ask-password --system reload-or-restart -- postfix"),
        (
            {"unit": "web@1", "action": "restart", "scope": "user"},
            "--no-ask-password --user restart -- web@1",
        ),
    ],
)
async def test_systemctl_is_called_without_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], words: str
) -> None:
    program(tmp_path / "bin", "systemctl", f'echo "$* in $XDG_RUNTIME_DIR" >{tmp_path}/called')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    await task("systemd", **fields).run(occasion(tmp_path / "home"))
    where = "/run/user/7" if fields.get("scope") == "user" else ""
    assert (tmp_path / "called").read_text() == f"{words} in {where}\n"


@pytest.mark.parametrize("unit", ["-H evil", "a b", "", "x;y"])
def test_what_is_no_unit_is_refused(unit: str) -> None:
    with pytest.raises(InvalidInputError, match="unit"):
        task("systemd", unit=unit)
