"""The ``zoneproof issue`` command, also with --dry-run and --staging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from msgspec.structs import replace

from zoneproof.cli.asking import can_ask, confirm
from zoneproof.cli.definitions import (
    DEFINITION_GROUPS,
    Request,
    certificate_name_option,
    definition_options,
    names_options,
    read_options,
    required_names,
    take_options,
)
from zoneproof.cli.events import Telling, tell_news, telling_progress
from zoneproof.cli.option_groups import GroupedHelp, authoritative_port_option
from zoneproof.cli.options import (
    TERMS_GROUP,
    force_option,
    run_from,
    staging_options,
    telling_options,
    terms_options,
)
from zoneproof.cli.output import json_line, tell_certificate
from zoneproof.cli.preview import print_preview
from zoneproof.cli.running import run_with_person, run_with_terms
from zoneproof.core import times
from zoneproof.core.errors import CaaError
from zoneproof.issuance import Emit, Issued
from zoneproof.manager import (
    CertificateDefinition,
    Kept,
    Manager,
    Outcome,
    Preview,
    Proposal,
    RunOptions,
    Staging,
    definition_for_tests,
    dry_run,
    find_staging,
    issue,
    keep,
    preview,
    resume,
)
from zoneproof.manager.certificates.deployments import deploy_left
from zoneproof.manager.certificates.proposal import (
    NamesDroppedError,
    is_stored,
    require_usable,
    save,
)
from zoneproof.manager.certificates.request import request as request_certificate


@click.command("issue", cls=GroupedHelp, groups=(*DEFINITION_GROUPS, TERMS_GROUP))
@names_options
@definition_options
@certificate_name_option
@terms_options
@force_option("Obtain a new one even if the present one is valid and unchanged.")
@staging_options
@authoritative_port_option
@telling_options
def issue_command(
    names: Sequence[str],
    domains: Sequence[str],
    certificate: str,
    force: bool,
    staging: bool,
    dry_run: bool,
    **options: Any,
) -> None:
    """Obtain a certificate for NAME... now, and manage it.

    \b
    zoneproof issue example.com '*.example.com' --credential dns
    zoneproof issue www.example.com --webroot /var/www/html
    zoneproof issue example.com

    The certificate is saved with these options under its first name, or --name, and renewed from
    then on. For one that is already saved, its name alone is enough; while it is valid and
    unchanged, it is kept. Options that change it are saved once they have worked.

    Files go to live/<name>/ below ZONEPROOF_HOME. If you have to create records, they are printed
    and, at a terminal, the command waits; otherwise the exit code is 3, and 'zoneproof resume' with
    the certificate's name continues.
    """
    how = Telling.of(options)
    said = read_options(take_options(options))
    request = Request(required_names(names, domains, said.csr), certificate, said)
    run = run_from(options)
    if dry_run:
        dry_run_of(request, run, how)
    elif staging:
        obtain_test(request, run, how)
    else:
        _obtain(request, run, how, force=force)


def _obtain(request: Request, run: RunOptions, how: Telling, *, force: bool) -> None:
    async def work(manager: Manager) -> tuple[Outcome, bool] | Kept:
        wanted, before = await request.define(manager)
        if before and wanted.needs_no_new_certificate(before):
            await save(manager, wanted, before, tell_news)
        if not force and await is_stored(manager.certificates, manager.credentials, wanted):
            kept = await keep(
                manager.certificates, manager.files, manager.journal, wanted.definition
            )
            if kept:
                with telling_progress(how) as emit:
                    tasks = await deploy_left(manager, kept.name, emit)
                return replace(kept, tasks=tasks)
        with telling_progress(how) as emit:
            return await _issue(manager, wanted, before, emit)

    async def again(manager: Manager, name: str) -> tuple[Outcome, bool] | Kept:
        with telling_progress(how) as emit:
            first = await _is_first(manager)
            return await resume(manager, name, emit), first

    try:
        done = run_with_person(work, again, run, ask=how.is_for_people)
    except NamesDroppedError as error:
        if not (how.is_for_people and can_ask()):
            raise
        confirm(f"{error.what}. Do that?", yes=False)
        request = replace(request, certificate=error.certificate)
        done = run_with_person(work, again, run, ask=how.is_for_people)
    if isinstance(done, Kept) and _is_replaced(done, how):
        force = True
        done = run_with_person(work, again, run, ask=how.is_for_people)
    if not isinstance(done, Kept) and how.is_for_people:
        outcome, first = done
        tell_certificate(outcome)
        if first:
            click.echo("\nnext: let a timer run 'zoneproof renew' every hour")
    exit_if_not_deployed(done if isinstance(done, Kept) else done[0])


def _is_replaced(kept: Kept, how: Telling) -> bool:
    """Ask whether to replace a certificate that is good, or tell that it stays."""
    text = f"{kept.title} is valid until {times.at(kept.not_after)}, and unchanged"
    if how is Telling.JSON:
        json_line({"event": "kept", "certificate": kept.name, "not_after": kept.not_after})
    elif how.is_for_people and can_ask():
        return click.confirm(f"{text}. Obtain a new one anyway?")
    elif how.is_for_people:
        click.echo(f"{text}: it stays; --force obtains a new one")
    return False


def exit_if_not_deployed(issued: Outcome | Kept) -> None:
    """Exit with 1 if tasks failed, which were told as they did."""
    failed = [task.task for task in issued.tasks if not task.ok]
    if failed:
        click.echo(
            f"zoneproof: {issued.name} is issued, not deployed: {', '.join(failed)} failed;"
            f" 'zoneproof renew' and 'zoneproof deploy {issued.name}' try again",
            err=True,
        )
        raise SystemExit(1)


async def _issue(
    manager: Manager, wanted: Proposal, before: CertificateDefinition | None, emit: Emit
) -> tuple[Outcome, bool]:
    """Return what came of it, and whether it is the home's first certificate."""
    first = await _is_first(manager)
    try:
        return await request_certificate(manager, wanted, before, emit), first
    except CaaError as error:
        raise CaaError(f"{error.message}, or order anyway with --ignore-caa") from error


async def _is_first(manager: Manager) -> bool:
    """Tell whether the home has no certificate yet."""
    managed = [one.name for one in await manager.certificates.each()]
    return not any(manager.files.read(name).certificate for name in managed)


def dry_run_of(request: Request, run: RunOptions, how: Telling) -> None:
    """Do all that issuing does at the CA's staging directory, and keep nothing.

    Where the CA has none it is a preview, and exits with 1 if issuing would fail.
    """

    async def work(manager: Manager) -> tuple[Staging, Issued | Preview]:
        wanted, _ = await request.define(manager)
        await require_usable(manager.checks, manager.credentials, wanted)
        staging = await find_staging(manager, wanted.definition)
        if not staging.account:
            (found,) = await preview(manager, [wanted.definition], unsaved=wanted.credentials)
            return staging, found
        with telling_progress(how) as emit:
            return staging, await dry_run(
                manager, wanted.definition, staging, emit, unsaved=wanted.credentials
            )

    staging, found = run_with_terms(work, run, ask=how.is_for_people)
    if isinstance(found, Preview):
        _tell_preview(staging, found, how)
    elif how is Telling.JSON:
        json_line({"event": "dry_run", "account": staging.account, "names": found.chain.names})
    elif how.is_for_people:
        click.echo(
            f"\nthe dry run worked: {staging.account} issued a certificate for"
            f" {', '.join(found.chain.names)}; nothing of it is kept"
        )


def _tell_preview(staging: Staging, found: Preview, how: Telling) -> None:
    if how is Telling.JSON:
        json_line({"event": "preview", **found.as_fields()})
    elif how.is_for_people or found.would_fail:
        click.echo(
            f"{staging.production} has no staging directory for a dry run: only a preview is "
            "possible (staging_account in settings.toml names another CA)\n"
        )
        print_preview(found)
    if found.would_fail:
        raise SystemExit(1)


def obtain_test(request: Request, run: RunOptions, how: Telling) -> None:
    """Obtain a certificate to test with, beside the one that the request means."""

    async def work(manager: Manager) -> Outcome:
        wanted, _ = await request.define(manager)
        staging = await find_staging(manager, wanted.definition)
        test = await definition_for_tests(manager, wanted.definition, staging)
        stored = await manager.certificates.find(test.name)
        with_test = replace(wanted, definition=test, pkcs12_password=None)
        await save(manager, with_test, stored.definition if stored else None)
        with telling_progress(how) as emit:
            return await issue(manager, test, emit)

    async def again(manager: Manager, name: str) -> Outcome:
        with telling_progress(how) as emit:
            return await resume(manager, name, emit)

    outcome = run_with_person(work, again, run, ask=how.is_for_people)
    if how.is_for_people:
        tell_certificate(outcome)
        click.echo(
            f"\nThis is a test certificate of {outcome.account}, which no client trusts."
            f"\nnext: the same without --staging; 'zoneproof remove {outcome.name} --delete-files'"
            " ends the test"
        )
