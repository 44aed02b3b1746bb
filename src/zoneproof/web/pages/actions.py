"""What pages set going: renewals, resumptions, requests and deployments, each as a run."""

from __future__ import annotations

from collections.abc import Sequence

from zoneproof.challenges.records import look_for_records
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import (
    AwaitingUserError,
    DeploymentError,
    InvalidInputError,
    ZoneproofError,
)
from zoneproof.core.text import count
from zoneproof.deployment import task_kinds
from zoneproof.issuance import Warned
from zoneproof.manager import (
    CertificateDefinition,
    Credential,
    CredentialTest,
    Manager,
    Outcome,
    Proposal,
    Renewal,
    RunOptions,
    list_zones,
    renew,
    resume,
    run_credential_test,
)
from zoneproof.manager.certificates.daemon import tell
from zoneproof.manager.certificates.deployments import deploy_left
from zoneproof.manager.certificates.request import request
from zoneproof.web.runs import Runs, WebRun

_AT_ONCE = 20


def start_renewal(runs: Runs, person: str, names: Sequence[str]) -> WebRun:
    """Begin to renew certificates, due or not."""

    async def work(manager: Manager, run: WebRun) -> list[Renewal]:
        results = await renew(manager, run.emit_for, names=names, force=True)
        for problem in await tell(manager, results):
            run.emit(Warned(problem))
        await _raise_failures(manager, run, results)
        return results

    return runs.start(_run(person, "Renewing", names), work)


async def _raise_failures(manager: Manager, run: WebRun, results: Sequence[Renewal]) -> None:
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


def start_resumption(runs: Runs, person: str, names: Sequence[str]) -> WebRun:
    """Begin to continue what waits or has failed."""

    async def one(manager: Manager, run: WebRun, name: str) -> Outcome | ZoneproofError:
        try:
            return await resume(manager, name, run.emit_for(name))
        except ZoneproofError as error:
            if len(names) == 1:
                raise
            run.emit_for(name)(Warned(error.message))
            return error

    async def work(manager: Manager, run: WebRun) -> list[Outcome | ZoneproofError]:
        found = await all_at_once((one(manager, run, name) for name in names), _AT_ONCE)
        failed = [result for result in found if isinstance(result, ZoneproofError)]
        if failed:
            texts = "; ".join(error.message for error in failed[:20])
            raise ZoneproofError(f"{len(failed)} of {count(len(names), 'certificate')}: {texts}")
        return found

    return runs.start(_run(person, "Continuing", names), work)


def start_request(
    runs: Runs,
    person: str,
    wanted: Proposal,
    before: CertificateDefinition | None,
    options: RunOptions,
) -> WebRun:
    """Begin to obtain a certificate, which is saved first."""
    name = wanted.definition.name

    async def work(manager: Manager, run: WebRun) -> Outcome:
        try:
            return await request(manager, wanted, before, run.emit_for(name))
        except AwaitingUserError as error:
            await _look(manager, run, error)
            raise

    return runs.start(_run(person, "Requesting", [name]), work, options)


def start_deployment(runs: Runs, person: str, name: str) -> WebRun:
    """Begin the deployment tasks that are left."""

    async def work(manager: Manager, run: WebRun) -> object:
        results = await deploy_left(manager, name, run.emit_for(name))
        failed = [one.task for one in results if not one.ok]
        if failed:
            raise DeploymentError(f"not deployed: {', '.join(failed)} failed")
        return results

    return runs.start(_run(person, "Deploying", [name]), work)


def start_credential_test(
    runs: Runs,
    person: str,
    credential: Credential,
    *,
    zone: str,
    read_only: bool = False,
    is_stored: bool = True,
) -> WebRun:
    """Begin to test a credential, stored or not.

    Raises InvalidInputError for one of a deployment task.
    """
    name = credential.name
    if credential.provider in task_kinds():
        raise InvalidInputError(f"{name} is for a deployment task: deploy to test it")

    async def work(manager: Manager, run: WebRun) -> CredentialTest:
        if read_only:
            trial = await list_zones(manager.providers, manager.credentials, credential)
        else:
            trial = await run_credential_test(manager, credential, run.emit, zone=zone)
        run.result = trial
        if not trial.ok:
            failed = next(step for step in trial.steps if not step.ok)
            raise ZoneproofError(f"the credential does not work: {failed.message}")
        return trial

    run = WebRun(
        f"Testing the credential {name}", (), person, credentials=(name,) if is_stored else ()
    )
    return runs.start(run, work)


async def _look(manager: Manager, run: WebRun, error: ZoneproofError) -> None:
    """Tell which of the records that a person creates already exist."""
    if not isinstance(error, AwaitingUserError):
        return
    servers = manager.run.dns.over(manager.settings.dns).resolvers or ()
    for sighting in await look_for_records(manager.resolvers.get(servers), error.records):
        run.emit(sighting)


def _run(person: str, doing: str, names: Sequence[str]) -> WebRun:
    shown = names[0] if len(names) == 1 else count(len(names), "certificate")
    return WebRun(f"{doing} {shown}", tuple(names), person)
