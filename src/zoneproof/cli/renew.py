"""The ``zoneproof renew``, ``run`` and ``resume`` commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from typing import Any

import click

from zoneproof.cli.completion import certificate_argument, certificates
from zoneproof.cli.events import Telling, draws, emitters, telling_progress
from zoneproof.cli.issue import exit_if_not_deployed
from zoneproof.cli.option_groups import GroupedHelp, authoritative_port_option
from zoneproof.cli.options import (
    TERMS_GROUP,
    dns_options,
    force_option,
    run_from,
    staging_options,
    telling_options,
    terms_options,
)
from zoneproof.cli.output import json_line, tell_certificate
from zoneproof.cli.running import run_until_done, run_with_manager, run_with_person
from zoneproof.cli.web_options import WEB_GROUP, refuse_web_options, serve_pages, web_options
from zoneproof.core import times
from zoneproof.core.text import count, printable
from zoneproof.issuance import Emit
from zoneproof.manager import Home, Manager, Outcome, Renewal, try_renewals
from zoneproof.manager import renew as renew_certificates
from zoneproof.manager import resume as resume_certificate
from zoneproof.manager.certificates.daemon import keep_renewed, tell
from zoneproof.manager.certificates.last_resort import STOPPING, LastResort


@click.command(cls=GroupedHelp, groups=[TERMS_GROUP])
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=certificates)
@force_option("Renew whether due or not, paused or not.")
@staging_options
@dns_options
@terms_options
@telling_options
def renew(
    names: Sequence[str],
    force: bool,
    staging: bool,
    dry_run: bool,
    **options: Any,
) -> None:
    """Renew all certificates that are due, or those named. For cron and timers.

    With --dry-run or --staging all of them are tried, due or not; files and state stay.

    Exits with 1 if one failed, or one that you named is busy; 3 if you have to create records;
    else 0.
    """

    async def work(manager: Manager) -> tuple[list[Renewal], list[str]]:
        if staging or dry_run:
            return await try_renewals(
                manager, emit_for, names=names, keep=not dry_run, on_result=on_result
            ), []
        results = await renew_certificates(
            manager, emit_for, names=names, force=force, on_result=on_result
        )
        return results, await tell(manager, results)

    how = Telling.of(options)
    run = run_from(options)
    try:
        with _telling_renewals(how) as (emit_for, on_result):
            results, problems = run_with_manager(work, run)
    except STOPPING as error:
        if not (staging or dry_run):
            _tell_problems(run_until_done(LastResort(Home.find()).tell_stopped(error)))
        raise
    _tell_problems(problems)
    if on_result is None:
        for result in results:
            tell_renewal(result, how)
    if how.is_for_people:
        _tell_sum(results)
    raise SystemExit(_status(results, of_names=bool(names)))


@click.command(cls=GroupedHelp, groups=[TERMS_GROUP])
@certificate_argument
@dns_options
@terms_options
@telling_options
def resume(
    name: str,
    **options: Any,
) -> None:
    """Continue the order of a certificate whose records you have created.

    Shows for each record whether it is seen or missing, and at which name servers. Also resumes
    a certificate whose last run failed or did not finish, and changes that have not worked yet.
    """

    async def again(manager: Manager, name: str) -> Outcome:
        with telling_progress(how) as emit:
            return await resume_certificate(manager, name, emit)

    how = Telling.of(options)
    run = run_from(options)
    outcome = run_with_person(
        lambda manager: again(manager, name), again, run, ask=how.is_for_people
    )
    if how.is_for_people:
        tell_certificate(outcome)
    exit_if_not_deployed(outcome)


@contextmanager
def _telling_renewals(
    how: Telling,
) -> Iterator[tuple[Callable[[str], Emit], Callable[[Renewal], None] | None]]:
    """Give what tells each certificate's events, and its result if that is told at once."""
    if how is not Telling.NORMAL or not draws():
        yield emitters(how), None
        return
    from zoneproof.cli.live import LiveLines

    with LiveLines("checking the certificates", each=True) as view:

        def finish(result: Renewal) -> None:
            view.finish(result.name)
            if result.result != "not due":
                view.print(result.text, "red" if result.failed else "")
            for record in result.error.records if result.error else ():
                view.print(f"  {record}")

        yield view.emit_for, finish


def tell_renewal(result: Renewal, how: Telling) -> None:
    """Print what came of one certificate, unless there was no reason to do anything."""
    failed = result.failed
    if how is Telling.JSON:
        json_line({"event": "renewal", **result.as_fields()})
    elif failed or (how.is_for_people and (result.result != "not due" or result.reason)):
        click.echo(result.text, err=failed)
        for record in result.error.records if result.error else ():
            click.echo(f"\n  {printable(record)}\n")


def _tell_problems(problems: Sequence[str]) -> None:
    for problem in problems:
        click.echo(f"zoneproof: {printable(problem)}", err=True)


def _tell_sum(results: Sequence[Renewal]) -> None:
    kinds = [result.result for result in results]
    if not kinds:
        click.echo(f"no certificates to renew in {printable(str(Home.find().path))}")
        return
    counts = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    click.echo(f"{count(len(kinds), 'certificate')}: {', '.join(counts)}")


def _status(results: Sequence[Renewal], *, of_names: bool) -> int:
    kinds = {result.result for result in results}
    if kinds & {"failed", "not deployed"} or (of_names and "busy" in kinds):
        return 1
    return 3 if "awaiting user" in kinds else 0


@click.command(cls=GroupedHelp, groups=[WEB_GROUP])
@click.option("--web", metavar="ADDRESS", help="Serve the web pages, too, as at 127.0.0.1:8053.")
@web_options
@authoritative_port_option
@telling_options
def run(web: str | None, **options: Any) -> None:
    """Keep all certificates renewed until stopped; checks at least once an hour.

    SIGTERM and Ctrl-C stop it, after it has removed its values from the DNS.
    """
    how = Telling.of(options)
    run_options = run_from(options)
    home = Home.find()
    if web is None:
        refuse_web_options(options)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            if web is not None:
                pages = serve_pages(home, web, options, run_options, as_json=how is Telling.JSON)
                await stack.enter_async_context(pages)
            await keep_renewed(
                home,
                run_options,
                emitters(how),
                on_round=lambda results, wake: tell_round(results, wake, how),
                on_trouble=lambda text: _tell_trouble(text, how),
            )

    run_until_done(work())


def tell_round(results: Sequence[Renewal], wake: datetime, how: Telling) -> None:
    """Print what came of a round, and when the next one is."""
    for result in results:
        tell_renewal(result, how)
    if how is Telling.JSON:
        document = {"event": "round", "certificates": len(results), "next_look": wake}
        json_line(document)
        return
    if not how.is_for_people:
        return
    looked_at = count(len(results), "certificate")
    click.echo(f"checked {looked_at}; again at {times.at(wake)}")


def _tell_trouble(text: str, how: Telling) -> None:
    if how is Telling.JSON:
        json_line({"event": "trouble", "message": text})
    else:
        click.echo(f"zoneproof: {printable(text)}", err=True)
