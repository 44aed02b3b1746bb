"""The ``zoneproof issue`` command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from zoneproof.cli.completion import certificates
from zoneproof.cli.definition_options import (
    DEFINITION_GROUPS,
    certificate_name_option,
    definition_options,
    take_options,
)
from zoneproof.cli.option_groups import GroupedHelp
from zoneproof.cli.run_options import (
    TERMS_GROUP,
    authoritative_port_option,
    json_events_option,
    terms_options,
)

if TYPE_CHECKING:
    from zoneproof.issuance import Emit
    from zoneproof.manager import Manager, Outcome


@click.command("issue", cls=GroupedHelp, groups=(*DEFINITION_GROUPS, TERMS_GROUP))
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=certificates)
@definition_options
@certificate_name_option
@terms_options
@authoritative_port_option
@json_events_option
def issue_command(
    names: Sequence[str],
    certificate: str,
    authoritative_port: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Obtain a certificate for NAME... now, and manage it.

    \b
    zoneproof issue example.com '*.example.com' --credential dns
    zoneproof issue www.example.com --webroot /var/www/html
    zoneproof issue example.com

    The certificate is saved with these options under its first name, or --name, and renewed from
    then on. For one that is saved already, its name alone is enough.

    Files go to live/<name>/ below ZONEPROOF_HOME. If records have to be created by hand, they are
    printed and, at a terminal, awaited; elsewhere the exit code is 3, and 'zoneproof resume' with
    the certificate's name then goes on.
    """
    from zoneproof.cli.awaiting import run_with_person
    from zoneproof.cli.event_output import telling_progress
    from zoneproof.cli.run_options import run_from, terms_from
    from zoneproof.cli.text_output import tell_certificate
    from zoneproof.manager import resume

    of_definition = take_options(options)
    run = run_from(None, None, (), authoritative_port, terms_from(**options))

    async def work(manager: Manager) -> tuple[Outcome, bool]:
        with telling_progress(as_json=as_json) as emit:
            return await _issue(manager, names, certificate, of_definition, emit)

    async def again(manager: Manager, name: str) -> tuple[Outcome, bool]:
        with telling_progress(as_json=as_json) as emit:
            first = await _is_first(manager)
            return await resume(manager, name, emit), first

    outcome, first = run_with_person(work, again, run, ask=not as_json)
    if not as_json:
        tell_certificate(outcome)
        if first:
            click.echo("\nnext: let a timer run 'zoneproof renew' every hour")


async def _issue(
    manager: Manager,
    names: Sequence[str],
    certificate: str,
    options: dict[str, Any],
    emit: Emit,
) -> tuple[Outcome, bool]:
    """Return what came of it, and whether it is the home's first certificate."""
    from zoneproof.cli.definitions import define, save
    from zoneproof.errors import CaaError
    from zoneproof.issuance import Warned
    from zoneproof.manager import describe_changes, issue

    wanted, before = await define(manager, names, certificate, options)
    await save(manager, wanted, before)
    for change in describe_changes(before, wanted.definition) if before else ():
        emit(Warned(f"what is saved of {wanted.definition.name} is changed: {change}"))
    first = await _is_first(manager)
    try:
        return await issue(manager, wanted.definition, emit), first
    except CaaError as error:
        raise CaaError(f"{error.message}, or order whatever CAA says with --ignore-caa") from error


async def _is_first(manager: Manager) -> bool:
    """Tell whether the home has no certificate yet."""
    managed = [one.name for one in await manager.certificates.each()]
    return not any(manager.files.read(name).certificate for name in managed)
