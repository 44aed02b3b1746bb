"""The ``zoneproof credential test`` command: writes, sees and removes a value, or lists zones."""

from __future__ import annotations

from typing import Any

import click

from zoneproof.cli.completion import credential_argument
from zoneproof.cli.events import Lines, Telling, emitters
from zoneproof.cli.option_groups import json_option
from zoneproof.cli.options import dns_options, run_from
from zoneproof.cli.output import json_document
from zoneproof.cli.running import run_with_manager
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import printable
from zoneproof.deployment import task_kinds
from zoneproof.manager import CredentialTest, Manager, RunOptions, list_zones, run_credential_test


@click.command()
@credential_argument
@click.option(
    "--zone",
    default="",
    metavar="ZONE",
    help="Where to write; needed if the provider cannot list its zones.",
)
@click.option("--read-only", is_flag=True, help="List the zones of the account; write nothing.")
@dns_options
@json_option
def test(name: str, zone: str, read_only: bool, as_json: bool, **run_options: Any) -> None:
    """Write, see and remove a TXT value with a credential.

    It is a random one, at _zoneproof-test in a zone of the account. For acme-dns and the challenge
    service, at the name of a registration; --zone then is its domain. Exits with 1 if a step
    failed.
    """

    if read_only and zone:
        raise InvalidInputError("--read-only lists all zones: omit --zone")
    run_test(name, run_from(run_options), zone=zone, read_only=read_only, as_json=as_json)


def run_test(
    name: str,
    run: RunOptions | None = None,
    *,
    zone: str,
    read_only: bool = False,
    as_json: bool = False,
) -> None:
    """Test the credential and print what came of it. Raises SystemExit if a step failed."""

    async def work(manager: Manager) -> CredentialTest:
        credential = await manager.credentials.get(name)
        if credential.provider in task_kinds():
            raise InvalidInputError(
                f"{credential.name} is for the deployment task {credential.provider}: 'zoneproof"
                " deploy CERTIFICATE --all --dry-run' checks it"
            )
        if read_only:
            return await list_zones(manager.providers, manager.credentials, credential)
        emit = emitters(Telling.QUIET)("") if as_json else Lines()
        return await run_credential_test(manager, credential, emit, zone=zone)

    trial = run_with_manager(work, run)
    if as_json:
        json_document(trial.as_fields())
    else:
        _print(trial)
    if not trial.ok:
        raise SystemExit(1)


def _print(trial: CredentialTest) -> None:
    for step in trial.steps:
        mark = "ok" if step.ok else click.style("FAILED", fg="red")
        click.echo(f"  {step.step:6}  {mark}: {printable(step.message)}")
    if not trial.steps:
        click.echo(f"{trial.credential}: {trial.note}")
    elif trial.ok:
        click.echo(f"the credential {trial.credential} works")
    else:
        click.echo(f"the credential {trial.credential} does not work")
