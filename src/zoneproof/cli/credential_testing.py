"""The ``zoneproof credential test`` command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zoneproof.cli.completion import credential_argument
from zoneproof.cli.run_options import dns_options, json_option

if TYPE_CHECKING:
    from zoneproof.issuance import Event
    from zoneproof.manager import Manager, Trial


@click.command()
@credential_argument
@click.option(
    "--zone",
    default="",
    metavar="ZONE",
    help="Where to write; needed where the provider cannot list its zones.",
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
    from zoneproof.cli.event_output import Lines
    from zoneproof.cli.json_output import json_document
    from zoneproof.cli.run_options import run_from
    from zoneproof.cli.tasks import run_with_manager
    from zoneproof.errors import InvalidInputError

    def quiet(event: Event) -> None:
        del event

    async def work(manager: Manager) -> Trial:
        from zoneproof.manager import list_zones, try_credential

        credential = await manager.credentials.get(name)
        if read_only:
            return await list_zones(manager, credential)
        emit = quiet if as_json else Lines()
        return await try_credential(manager, credential, emit, zone=zone)

    if read_only and zone:
        raise InvalidInputError("--read-only lists all zones: leave --zone away")
    trial = run_with_manager(work, run_from(**run_options))
    if as_json:
        json_document(_facts(trial))
    else:
        _print(trial)
    if not trial.ok:
        raise SystemExit(1)


def _facts(trial: Trial) -> dict[str, Any]:
    import msgspec

    facts: dict[str, Any] = msgspec.to_builtins(trial)
    return {"ok": trial.ok, **facts}


def _print(trial: Trial) -> None:
    from zoneproof.errors import printable

    for step in trial.steps:
        mark = "ok" if step.ok else click.style("FAILED", fg="red")
        click.echo(f"  {step.step:6}  {mark}: {printable(step.message)}")
    if not trial.steps:
        click.echo(f"{trial.credential}: {trial.note}")
    elif trial.ok:
        click.echo(f"the credential {trial.credential} works")
    else:
        click.echo(f"the credential {trial.credential} does not work as it is")
