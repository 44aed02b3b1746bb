"""Deployment tasks of managed certificates: order, retries, by hand, and what is remembered."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from tests.manager.deploying import NAME, World, script
from zoneproof.core.errors import AwaitingUserError, DeploymentError, InvalidInputError
from zoneproof.issuance import TaskDone, TaskFailed
from zoneproof.manager import Home, issue, open_manager, renew
from zoneproof.manager.certificates.daemon import tell
from zoneproof.manager.certificates.deployment_state import NotDeployed, after_task_failure
from zoneproof.manager.certificates.deployments import deploy, deploy_chosen, run_tasks
from zoneproof.manager.certificates.issue import tasks_after
from zoneproof.manager.certificates.state import status_of
from zoneproof.manager.certificates.stored_states import States
from zoneproof.manager.certificates.task_definition import TaskDefinition
from zoneproof.manager.credentials.store import Credential
from zoneproof.manager.notifications.notice import Notified

NOBODY = "https://127.0.0.1:9/directory"  # where no CA is


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_manager(Home(tmp_path / "home")) as manager:
        yield World(manager, tmp_path)


async def test_tasks_are_done_once_for_each_certificate_in_their_order(world: World) -> None:
    await world.define(script(world.folder, "first"), script(world.folder, "second"))
    serials = []
    for _ in range(2):
        serials.append(await world.obtain())
        results = await deploy(world.manager, NAME, world.emit_for(NAME))
        assert [one.ok for one in results] == [True, True]
        assert await deploy(world.manager, NAME, world.emit_for(NAME)) == ()
    assert world.ran == [
        f"{name} issued {serial}" for serial in serials for name in ("first", "second")
    ]
    assert [type(event) for event in world.events] == [TaskDone] * 4
    summary = await world.summary()
    assert (summary.status, summary.not_deployed) == ("valid", {})
    assert summary.deployed["second"].serial == serials[-1]
    assert (await world.history())[-1] == ("deployed", f"second: ran {world.folder}/second")
    assert not list((world.manager.home.path / "deploying").glob("*"))


@pytest.mark.parametrize("other", [(), ("changed",)])
async def test_a_task_that_comes_back_is_to_be_done(world: World, other: tuple[str, ...]) -> None:
    first, kept = script(world.folder, "first"), script(world.folder, "kept")
    await world.define(first, kept)
    await world.obtain()
    await deploy(world.manager, NAME, world.emit_for(NAME))
    changed = [msgspec.structs.replace(script(world.folder, one), name=first.name) for one in other]
    await world.define(*changed, kept)
    await world.define(first, kept)
    assert list((await world.summary()).deployed) == ["kept"]
    (again,) = await deploy(world.manager, NAME, world.emit_for(NAME))
    assert (again.task, again.ok) == ("first", True)


async def test_a_task_that_is_removed_while_it_is_done_is_not_remembered(world: World) -> None:
    task = script(world.folder, "first")
    await world.define(task)
    await world.obtain()
    waiting = world.folder / "waiting"
    os.mkfifo(waiting)
    (world.folder / "first").write_text(f"#!/bin/sh\ncat {waiting}\n")
    doing = asyncio.create_task(deploy(world.manager, NAME, world.emit_for(NAME)))
    pipe = await asyncio.to_thread(waiting.open, "w")  # which the program has opened, too
    await world.define()
    pipe.close()
    assert [one.ok for one in await doing] == [True]
    await world.define(task)
    assert (await world.summary()).status == "not deployed"


async def test_a_crash_before_the_tasks_loses_none_and_one_after_repeats_none(world: World) -> None:
    await world.define(script(world.folder, "first"))
    serial = await world.obtain()  # and is killed
    (result,) = await renew(world.manager, world.emit_for)
    assert (result.result, result.text) == (
        "deployed",
        f"{NAME}: deployed (first: ran {world.folder}/first)",
    )
    (result,) = await renew(world.manager, world.emit_for)
    assert result.result == "not due"
    assert world.ran == [f"first issued {serial}"]


async def test_what_fails_is_not_deployed_and_tried_again_later(world: World) -> None:
    await world.define(script(world.folder, "bad", 3), script(world.folder, "good"))
    await world.obtain()
    (result,) = await renew(world.manager, world.emit_for)
    assert (result.result, result.error) == ("not deployed", None)
    assert "exit status 3" in result.text
    failed, done = world.events
    assert isinstance(failed, TaskFailed)
    assert isinstance(done, TaskDone)
    summary = await world.summary()
    assert summary.status == "not deployed"
    assert summary.failures == 0
    assert summary.needs_attention
    assert list(summary.not_deployed) == ["bad"]
    left = summary.not_deployed["bad"]
    assert (left.attempts, "exit status 3" in left.last_error) == (1, True)
    assert left.next_attempt_at in result.look_again_at

    (result,) = await renew(world.manager, world.emit_for)  # it is not its time yet
    assert (result.result, len(world.ran)) == ("not due", 2)
    assert left.next_attempt_at in result.look_again_at

    await world.let_pass(2)
    (world.folder / "bad.good").touch()
    (result,) = await renew(world.manager, world.emit_for)
    assert result.result == "deployed"
    assert [line.split()[0] for line in world.ran] == ["bad", "good", "bad"]
    assert (await world.summary()).status == "valid"
    kinds = [kind for kind, _ in await world.history()]
    assert kinds == ["not deployed", "deployed", "deployed"]


async def test_those_after_a_fatal_one_wait_for_it(world: World) -> None:
    fatal = msgspec.structs.replace(script(world.folder, "fatal", 1), fatal=True)
    await world.define(script(world.folder, "one"), fatal, script(world.folder, "two"))
    await world.obtain()
    await renew(world.manager, world.emit_for)
    await renew(world.manager, world.emit_for)
    assert [line.split()[0] for line in world.ran] == ["one", "fatal"]
    assert list((await world.summary()).not_deployed) == ["fatal", "two"]
    (world.folder / "fatal.good").touch()
    await world.let_pass(2)
    await renew(world.manager, world.emit_for)
    assert [line.split()[0] for line in world.ran] == ["one", "fatal", "fatal", "two"]


async def test_a_task_that_is_changed_or_new_is_done_for_the_present_certificate(
    world: World,
) -> None:
    one = script(world.folder, "one")
    before = await world.define(one)
    await world.obtain()
    await renew(world.manager, world.emit_for)
    other = script(world.folder, "other")
    after = await world.define(msgspec.structs.replace(one, fatal=True), other)
    assert before.fingerprint == after.fingerprint  # no other certificate has to be issued
    await renew(world.manager, world.emit_for)
    assert [line.split()[0] for line in world.ran] == ["one", "other"]
    await world.define(msgspec.structs.replace(one, fields=other.fields))
    await renew(world.manager, world.emit_for)
    assert [line.split()[0] for line in world.ran] == ["one", "other", "other"]
    assert list((await world.summary()).deployed) == ["one"]


async def test_a_task_that_is_changed_has_not_failed(world: World) -> None:
    await world.define(script(world.folder, "bad", 1))
    await world.obtain()
    await renew(world.manager, world.emit_for)
    good = script(world.folder, "good")
    await world.define(msgspec.structs.replace(good, name="bad"))
    assert (await world.summary()).not_deployed["bad"].last_error == ""
    (result,) = await renew(world.manager, world.emit_for)  # and its wait is over
    assert result.result == "deployed"


async def test_a_task_whose_credential_is_changed_has_not_failed(world: World) -> None:
    command = script(world.folder, "bad", 1).fields
    await world.manager.credentials.save(Credential("hook", "command", command))
    await world.define(TaskDefinition(task="command", credential="hook"))
    await world.obtain()
    await renew(world.manager, world.emit_for)
    good = Credential("hook", "command", script(world.folder, "good").fields)
    await world.manager.credentials.change("hook", lambda _: good)
    assert (await world.summary()).not_deployed["command"].last_error == ""
    (result,) = await renew(world.manager, world.emit_for)  # and its wait is over
    assert result.result == "deployed"
    (result,) = await renew(world.manager, world.emit_for)
    assert result.result == "not due"


async def test_a_task_whose_credential_is_changed_while_it_is_done_is_done_again(
    world: World,
) -> None:
    path, waiting = world.folder / "first", world.folder / "waiting"
    os.mkfifo(waiting)
    path.write_text(f"#!/bin/sh\ncat {waiting}\n")
    path.chmod(0o755)
    credential = Credential("hook", "command", {"command": str(path)})
    await world.manager.credentials.save(credential)
    await world.define(TaskDefinition(task="command", credential="hook"))
    await world.obtain()
    doing = asyncio.create_task(deploy(world.manager, NAME, world.emit_for(NAME)))
    pipe = await asyncio.to_thread(waiting.open, "w")  # which the program has opened, too
    await world.manager.credentials.save(credential)
    pipe.close()
    assert [one.ok for one in await doing] == [True]
    assert (await world.summary()).status == "not deployed"


async def test_what_is_not_renewed_is_deployed_all_the_same(world: World) -> None:
    await world.define(script(world.folder, "one", 1), renew=False)
    assert await renew(world.manager, world.emit_for) == []
    await world.obtain()
    (result,) = await renew(world.manager, world.emit_for)
    assert result.result == "not deployed"
    assert await renew(world.manager, world.emit_for) == []
    await world.let_pass(2)
    (world.folder / "one.good").touch()
    (result,) = await renew(world.manager, world.emit_for)
    assert result.result == "deployed"


async def test_of_a_command_from_a_credential_nothing_is_shown(world: World) -> None:
    path = world.folder / "tells"
    path.write_text('#!/bin/sh\necho "$1 is wrong" >&2; exit 1\n')
    path.chmod(0o755)
    command = {"command": f"{path} topsecretword"}
    await world.manager.credentials.save(Credential("hook", "command", command))
    await world.define(TaskDefinition(task="command", credential="hook"))
    await world.obtain()
    (result,) = await renew(world.manager, world.emit_for)
    assert "said: *** is wrong" in result.text
    assert "topsecretword" not in result.text
    assert "topsecretword" not in str(await world.history())


async def test_a_task_is_done_by_hand_whether_left_or_not(world: World) -> None:
    await world.define(script(world.folder, "one"), script(world.folder, "two"))
    with pytest.raises(InvalidInputError, match="cannot be deployed: there is no certificate yet"):
        await deploy_chosen(world.manager, NAME, world.emit_for(NAME), ["one"])
    await world.obtain()
    for _ in range(2):
        (result,) = await deploy_chosen(world.manager, NAME, world.emit_for(NAME), ["two"])
        assert result.ok
    assert [line.split()[0] for line in world.ran] == ["two", "two"]
    assert list((await world.summary()).not_deployed) == ["one"]


async def test_what_fails_by_hand_is_left_to_do_again(world: World) -> None:
    await world.define(script(world.folder, "one", 1))
    (world.folder / "one.good").touch()
    await world.obtain()
    await renew(world.manager, world.emit_for)
    (world.folder / "one.good").unlink()
    (result,) = await deploy_chosen(world.manager, NAME, world.emit_for(NAME), ["one"])
    assert not result.ok
    summary = await world.summary()
    assert (summary.status, list(summary.deployed)) == ("not deployed", [])


async def test_the_note_of_a_killed_run_by_hand_does_not_stand_for_the_next_one(
    world: World,
) -> None:
    await world.define(script(world.folder, "one"))
    serial = await world.obtain()
    (task,) = (await world.manager.certificates.get(NAME)).definition.deploy
    await renew(world.manager, world.emit_for)
    folder = world.manager.home.path / "deploying" / NAME
    folder.mkdir(parents=True)
    (folder / f"one~{serial}~{task.fingerprint}~0").write_text("4194303 1\n")
    (result,) = await deploy_chosen(world.manager, NAME, world.emit_for(NAME), ["one"])
    assert result.ok
    assert len(world.ran) == 2


async def test_tasks_before_and_after_an_attempt_are_run_for_each(world: World) -> None:
    whens = ("before", "issued", "failed", "always")
    tasks = [msgspec.structs.replace(script(world.folder, when), when=when) for when in whens]
    definition = await world.define(*tasks, account=NOBODY)
    with pytest.raises(Exception, match="127"):
        await issue(world.manager, definition, world.emit_for(NAME))
    assert world.ran == ["before before", "failed failed", "always failed"]
    await world.obtain()
    await deploy(world.manager, NAME, world.emit_for(NAME))
    assert [line.rpartition(" ")[0] for line in world.ran[3:]] == ["issued issued", "always issued"]


@pytest.mark.parametrize(
    "change",
    [
        {"fatal": False},
        {"when": "failed"},
        {"fields": {"command": "/bin/false"}},
        {"credential": "changed"},
        {"script": "changed"},
        None,
    ],
)
async def test_a_change_of_the_task_that_ended_an_attempt_ends_the_wait(
    world: World, change: dict[str, Any] | None
) -> None:
    await world.manager.credentials.save(Credential("secret", "command", {"timeout": "9"}))
    task = msgspec.structs.replace(
        script(world.folder, "first", 1), when="before", fatal=True, credential="secret"
    )
    await world.define(task, account=NOBODY)
    for result in ("failed", "not due"):
        (one,) = await renew(world.manager, world.emit_for)
        assert one.result == result
    if change == {"credential": "changed"}:
        await world.manager.credentials.change("secret", lambda found: found)
    elif change == {"script": "changed"}:
        (world.folder / "first.good").touch()
        (world.folder / "first").chmod(0o700)
    else:
        after = [msgspec.structs.replace(task, **change)] if change else []
        await world.define(*after, account=NOBODY)
    (one,) = await renew(world.manager, world.emit_for)
    assert one.result == "failed"


async def test_an_attempt_is_not_made_if_a_fatal_task_before_it_fails(world: World) -> None:
    first = msgspec.structs.replace(script(world.folder, "first", 1), when="before", fatal=True)
    last = msgspec.structs.replace(script(world.folder, "last"), when="always")
    definition = await world.define(first, last)
    with pytest.raises(DeploymentError, match=r"the task first failed: .* exit status 1"):
        await issue(world.manager, definition, world.emit_for(NAME))
    assert world.ran == ["first before", "last failed"]
    assert (await world.summary()).failures == 1


async def test_who_waits_for_a_person_has_not_failed(world: World) -> None:
    whens = ("failed", "always")
    tasks = [msgspec.structs.replace(script(world.folder, when), when=when) for when in whens]
    definition = await world.define(*tasks)
    awaiting = AwaitingUserError("create a record")
    await tasks_after(world.manager, definition, world.emit_for(NAME), awaiting)
    assert world.ran == ["always failed"]


async def test_secrets_come_from_the_credential(world: World) -> None:
    secret = Credential("hook", "webhook", {"secret": "whsec_" + "A" * 43 + "="})
    await world.manager.credentials.save(secret)
    task = TaskDefinition(task="webhook", fields={"url": "https://127.0.0.1:9/"}, credential="hook")
    definition = await world.define(task)
    assert await world.manager.checks.problems(definition) == []
    missing = msgspec.structs.replace(definition.deploy[0], credential="hok")
    other = msgspec.structs.replace(definition, deploy=(missing,))
    (problem,) = await world.manager.checks.problems(other)
    assert "there is no credential 'hok': did you mean 'hook'?" in problem
    await world.manager.credentials.save(Credential("dns", "rfc2136", {}))
    wrong = msgspec.structs.replace(definition.deploy[0], credential="dns")
    (problem,) = await world.manager.checks.problems(
        msgspec.structs.replace(definition, deploy=(wrong,))
    )
    assert "the task webhook needs a credential for webhook, and dns is one for rfc2136" in problem


def test_attempts_come_after_1_10_and_100_minutes_and_then_daily() -> None:
    now = datetime(2026, 11, 29, tzinfo=UTC)
    state, waits = NotDeployed(now), []
    for _ in range(5):
        state = after_task_failure(state, "t", DeploymentError("no"), now, Random(1))
        assert state.next_attempt_at
        waits.append((state.next_attempt_at - now).total_seconds() / 60)
    for wait, minutes in zip(waits, (1, 10, 100, 1440, 1440), strict=True):
        assert minutes <= wait <= minutes * 1.1
    assert (state.attempts, state.since, state.last_error) == (5, now, "no")
    assert not state.is_due(now)
    assert state.is_due(now - timedelta(days=1)), "the clock was set back"


async def test_people_are_notified_of_what_is_not_deployed(world: World) -> None:
    home = Home(world.folder / "other")
    home.create()
    (home.path / "settings.toml").write_text('[[notify.webhook]]\nurl = "https://127.0.0.1:9/"\n')
    async with open_manager(home) as manager:
        world.manager = manager
        await world.define(script(world.folder, "bad", 1))
        await world.obtain()
        results = await renew(manager, world.emit_for)
        assert await tell(manager, results)
        assert await notified(manager.states) == (1, True)
        not_due = await renew(manager, world.emit_for)
        assert not await tell(manager, not_due)


async def notified(states: States) -> tuple[int, bool]:
    told: list[Notified] = []

    def look(before: Notified) -> tuple[bool, Notified]:
        told.append(before)
        return False, before

    await states.note_told(NAME, look)
    return told[0].undeployed, told[0].undeployed_at is not None


async def test_programs_are_told_all_of_it(world: World) -> None:
    await world.define(script(world.folder, "bad", 1))
    await world.obtain()
    (result,) = await renew(world.manager, world.emit_for)
    facts = json.loads(msgspec.json.encode(result.as_fields()))
    assert facts["result"] == "not deployed"
    assert [(task["task"], task["ok"]) for task in facts["tasks"]] == [("bad", False)]


async def test_nothing_is_deployed_that_is_not_whole(world: World) -> None:
    await world.define(script(world.folder, "one"))
    await world.obtain()
    (world.manager.files.live(NAME) / "privkey.pem").unlink()
    found = await world.manager.certificates.get(NAME)
    assert not status_of(found, world.manager.files, datetime.now(UTC)).tasks_are_due
    assert await deploy(world.manager, NAME, world.emit_for(NAME)) == ()
    assert world.ran == []


async def test_tasks_around_an_attempt_leave_their_traces(world: World) -> None:
    task = msgspec.structs.replace(script(world.folder, "stop"), when="before")
    definition = await world.define(task)
    await run_tasks(world.manager, definition, world.emit_for(NAME), ["before"], "before")
    stop = f"ran {world.folder}/stop"
    assert await world.history() == [("deployed", f"stop (before): {stop}")]
    await run_tasks(world.manager, definition, world.emit_for(NAME), ["before"], "failed")
    assert (await world.history())[-1] == ("deployed", f"stop (after a failure): {stop}")
