"""What pages set going: renewals, resumptions, requests and deployments, each as a run."""

from __future__ import annotations

from collections.abc import Sequence

from zoneproof.challenges.records import look_for_records
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import AwaitingUserError, DeploymentError, ZoneproofError
from zoneproof.core.text import count
from zoneproof.issuance import Warned
from zoneproof.manager import (
    CertificateDefinition,
    Manager,
    Outcome,
    Proposal,
    Renewal,
    RunOptions,
    renew,
    resume,
    tell,
)
from zoneproof.manager.certificates.deployments import deploy_left
from zoneproof.manager.certificates.request import request
from zoneproof.web.runs import Run
from zoneproof.web.visits import Visit

_AT_ONCE = 20


def start_renewal(visit: Visit, names: Sequence[str]) -> Run:
    """Begin to renew certificates, due or not."""

    async def work(manager: Manager, run: Run) -> list[Renewal]:
        results = await renew(manager, run.emit_for, names=names, force=True)
        for problem in await tell(manager, results):
            run.emit(Warned(problem))
        await _raise_failures(manager, run, results)
        return results

    return visit.site.runs.start(_run(visit, "Renewing", names), work)


async def _raise_failures(manager: Manager, run: Run, results: Sequence[Renewal]) -> None:
    errors = [one.error for one in results if one.error]
    if len(results) == 1:
        for error in errors:
            await _look(manager, run, error)
            raise error
    elif failed := [one for one in results if one.failed]:
        run.result = results
        raise ZoneproofError(
            f"{len(failed)} of {count(len(results), 'certificate')}: "
            + "; ".join(one.text for one in failed[:20])
        )


def start_resumption(visit: Visit, names: Sequence[str]) -> Run:
    """Begin to continue what waits or has failed."""

    async def one(manager: Manager, run: Run, name: str) -> Outcome | ZoneproofError:
        try:
            return await resume(manager, name, run.emit_for(name))
        except ZoneproofError as error:
            if len(names) == 1:
                raise
            run.emit_for(name)(Warned(error.message))
            return error

    async def work(manager: Manager, run: Run) -> list[Outcome | ZoneproofError]:
        found = await all_at_once((one(manager, run, name) for name in names), _AT_ONCE)
        failed = [result for result in found if isinstance(result, ZoneproofError)]
        if failed:
            texts = "; ".join(error.message for error in failed[:20])
            raise ZoneproofError(f"{len(failed)} of {count(len(names), 'certificate')}: {texts}")
        return found

    return visit.site.runs.start(_run(visit, "Continuing", names), work)


def start_request(
    visit: Visit,
    wanted: Proposal,
    before: CertificateDefinition | None,
    options: RunOptions,
) -> Run:
    """Begin to obtain a certificate, which is saved first."""
    name = wanted.definition.name

    async def work(manager: Manager, run: Run) -> Outcome:
        try:
            return await request(manager, wanted, before, run.emit_for(name))
        except AwaitingUserError as error:
            await _look(manager, run, error)
            raise

    return visit.site.runs.start(_run(visit, "Requesting", [name]), work, options)


def start_deployment(visit: Visit, name: str) -> Run:
    """Begin the deployment tasks that are left."""

    async def work(manager: Manager, run: Run) -> object:
        results = await deploy_left(manager, name, run.emit_for(name))
        failed = [one.task for one in results if not one.ok]
        if failed:
            raise DeploymentError(f"not deployed: {', '.join(failed)} failed")
        return results

    return visit.site.runs.start(_run(visit, "Deploying", [name]), work)


async def _look(manager: Manager, run: Run, error: ZoneproofError) -> None:
    """Tell which of the records that a person creates are there already."""
    if not isinstance(error, AwaitingUserError):
        return
    servers = manager.run.dns.over(manager.settings.dns).resolvers or ()
    for sighting in await look_for_records(manager.resolvers.get(servers), error.records):
        run.emit(sighting)


def _run(visit: Visit, doing: str, names: Sequence[str]) -> Run:
    shown = names[0] if len(names) == 1 else count(len(names), "certificate")
    return Run(f"{doing} {shown}", tuple(names), visit.person)
