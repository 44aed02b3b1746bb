"""The ``zoneproof deploy`` commands: do a certificate's tasks, and show what kinds there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec
from click.shell_completion import CompletionItem

from zoneproof.cli.completion import certificate_argument
from zoneproof.cli.events import Telling, telling_progress
from zoneproof.cli.option_groups import Commands, dry_run_option, json_option
from zoneproof.cli.output import json_document, print_fields
from zoneproof.cli.running import run_with_manager
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import printable
from zoneproof.deployment import TaskInfo, describe_task, task_kinds
from zoneproof.manager import Manager
from zoneproof.manager.certificates.deployment_state import TaskResult
from zoneproof.manager.certificates.deployments import TaskPlan, deploy_chosen, plan_tasks


class _Deploy(Commands):
    """Takes the name of a certificate in place of a command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return ``run`` for whatever is none of the commands."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["run", *args])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of certificates besides the commands."""
        argument = self.commands["run"].params[0]
        return super().shell_complete(ctx, incomplete) + argument.shell_complete(ctx, incomplete)


@click.group(
    cls=_Deploy,
    context_settings={"ignore_unknown_options": True},
    subcommand_metavar="NAME [TASK]... | list | show KIND",
)
def deploy() -> None:
    """Deploy a certificate now to where it is used: copy it, reload the servers.

    \b
    zoneproof deploy example.com
    zoneproof deploy example.com nginx --dry-run

    'zoneproof issue' and 'zoneproof renew' do so after each issuance, and try again what failed.
    Tasks are defined with --deploy of 'zoneproof issue' and 'zoneproof edit'.
    """


_NOTHING_LEFT = "{0}: all tasks are done; --all runs them again"
_NO_TASKS = "{0} has no deployment tasks: 'zoneproof edit {0} --deploy KIND' adds one"


@deploy.command("run")
@certificate_argument
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option("--all", "everything", is_flag=True, help="Run all tasks, done or not.")
@dry_run_option
@json_option
def run_tasks(
    name: str, tasks: Sequence[str], everything: bool, dry_run: bool, as_json: bool
) -> None:
    """Run the tasks of a certificate that are not done yet.

    Each TASK that is named is run, done or not. 'run' can be omitted. Exits with 1 if a task fails,
    with --dry-run if one would.
    """
    if tasks and everything:
        raise InvalidInputError("name tasks, or give --all")

    async def plan(manager: Manager) -> tuple[str, list[TaskPlan], str]:
        found = await manager.certificates.get(name)
        plans = await plan_tasks(manager, found.name, tasks, everything=everything)
        has_tasks = any(task.deploys for task in found.definition.deploy)
        return found.name, plans, _NOTHING_LEFT if has_tasks else _NO_TASKS

    async def work(manager: Manager) -> tuple[TaskResult, ...]:
        with telling_progress(Telling.QUIET if as_json else Telling.NORMAL) as emit:
            return await deploy_chosen(manager, certificate, emit, [one.task for one in plans])

    certificate, plans, otherwise = run_with_manager(plan)
    if dry_run:
        _tell_plans(certificate, plans, otherwise, as_json=as_json)
        failed = any(one.problems for one in plans)
    else:
        results = run_with_manager(work) if plans else ()
        failed = not all(one.ok for one in results)
        if as_json:
            json_document({"certificate": certificate, "tasks": results})
        elif not plans:
            click.echo(otherwise.format(certificate))
    if failed:
        raise SystemExit(1)


def _tell_plans(
    certificate: str, plans: Sequence[TaskPlan], otherwise: str, *, as_json: bool
) -> None:
    if as_json:
        json_document({"certificate": certificate, "tasks": plans})
        return
    if not plans:
        click.echo(otherwise.format(certificate))
    for one in plans:
        word = "not done yet" if one.is_left else "done"
        click.echo(printable(f"{one.task} ({one.kind}): {word}"))
        for problem in one.problems:
            click.echo(f"  {click.style('PROBLEM', fg='red')}: {printable(problem)}")


@deploy.command("list")
@json_option
def list_kinds(as_json: bool) -> None:
    """List the kinds of tasks."""
    infos = [describe_task(kind) for kind in task_kinds()]
    if as_json:
        json_document([_facts(info) for info in infos])
        return
    width = max(len(info.slug) for info in infos)
    for info in infos:
        click.echo(f"{info.slug:{width}}  {info.title}")


@deploy.command()
@click.argument("kind")
@json_option
def show(kind: str, as_json: bool) -> None:
    """Show the fields of a kind of task."""
    info = describe_task(kind)
    if as_json:
        json_document(_facts(info))
        return
    click.echo(f"{info.title}  {info.homepage}".rstrip())
    print_fields(info.fields)
    click.echo(f"\n{info.notes}")


def _facts(info: TaskInfo) -> dict[str, Any]:
    """Return the description for programs: all of it but the functions that check a field."""
    facts: dict[str, Any] = msgspec.to_builtins(info, enc_hook=lambda _: None)
    for field in facts["fields"]:
        del field["check"]
    return facts
