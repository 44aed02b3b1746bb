"""What ``zoneproof issue`` does with --dry-run and --staging."""

from __future__ import annotations

from dataclasses import replace

import click

from zoneproof.cli.awaiting import run_with_person
from zoneproof.cli.definitions import Request
from zoneproof.cli.events import Telling, telling_progress
from zoneproof.cli.output import json_line, tell_certificate
from zoneproof.cli.preview import print_preview
from zoneproof.cli.running import run_with_terms
from zoneproof.issuance import Issued
from zoneproof.manager import (
    Manager,
    Outcome,
    Preview,
    RunOptions,
    Staging,
    definition_for_tests,
    dry_run,
    find_staging,
    issue,
    preview,
    resume,
)
from zoneproof.manager.certificates.proposal import require_usable, save


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
            f"{staging.production} has no staging directory for a dry run: a preview is all that"
            " can be tried (staging_account in settings.toml names another CA)\n"
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
