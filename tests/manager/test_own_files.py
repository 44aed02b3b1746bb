"""No deployment task writes into the home."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.manager.deploying import NAME, World
from zoneproof.manager import Home, open_manager
from zoneproof.manager.certificates.deployments import deploy_left, plan_tasks
from zoneproof.manager.certificates.task_definition import TaskDefinition

REFUSED = "is among Zoneproof's own files in"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_manager(Home(tmp_path / "home")) as manager:
        world = World(manager, tmp_path)
        await world.define()
        await world.obtain()
        yield world


def copy(path: Path | str) -> TaskDefinition:
    return TaskDefinition(task="copy", name="copy", fields={"cert": str(path)})


@pytest.mark.parametrize(
    "path",
    [
        "home/vault.key",
        "home/state.sqlite3",
        "home/new/{name}.pem",
        "home/live/b.example/fullchain.pem",
        "other/../home/settings.toml",
        "link/vault.key",
        "elsewhere/x/fullchain.pem",
        "farther/fullchain.pem",
        "logs/a.log",
    ],
)
async def test_a_path_that_leads_into_the_home_is_refused(world: World, path: str) -> None:
    home, folder = world.manager.home.path, world.folder
    for name in ("elsewhere", "farther", "logs", "other"):
        (folder / name).mkdir()
    (folder / "link").symlink_to(home)
    (home / "live/c.example").symlink_to(folder / "farther")
    (home / "archive").rename(folder / "archive")
    (home / "archive").symlink_to(folder / "elsewhere")
    (home / "logs").symlink_to(folder / "logs")
    definition = await world.define(copy(folder / path))
    (problem,) = await world.manager.checks.problems(definition)
    assert REFUSED in problem


async def test_it_is_refused_again_when_it_is_deployed(world: World) -> None:
    database = world.manager.home.path / "state.sqlite3"
    await world.define(copy(database))
    (plan,) = await plan_tasks(world.manager, NAME)
    assert REFUSED in plan.problems[0]
    before = database.stat().st_ino
    (result,) = await deploy_left(world.manager, NAME, world.emit_for(NAME))
    assert not result.ok
    assert REFUSED in result.text
    assert database.stat().st_ino == before


async def test_other_paths_are_not_refused(world: World) -> None:
    target = world.folder / "home-of-a-server/cert.pem"
    target.parent.mkdir()
    definition = await world.define(copy(target))
    assert await world.manager.checks.problems(definition) == []
    (result,) = await deploy_left(world.manager, NAME, world.emit_for(NAME))
    assert result.ok
