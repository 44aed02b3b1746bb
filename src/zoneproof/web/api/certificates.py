"""The API's calls about certificates."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET

from zoneproof.core.errors import InvalidInputError, NotFoundError
from zoneproof.manager import CertificateDefinition, CertificateSummary, Proposal, preview
from zoneproof.manager.certificates.details import details, history, summaries
from zoneproof.manager.certificates.proposal import save
from zoneproof.manager.certificates.removal import find_removable, remove_certificate, revoke
from zoneproof.serving.operations import Operation
from zoneproof.web.api.calls import Call, operation
from zoneproof.web.api.messages import (
    CertificateFacts,
    GivenDefinition,
    HistoryFacts,
    Pem,
    PrivateKey,
    Removal,
    Revocation,
    RunFacts,
    Which,
)
from zoneproof.web.pages.actions import start_deployment, start_renewal, start_resumption
from zoneproof.web.visits import Site


def operations(site: Site) -> list[Operation]:
    """Return the operations."""
    one = "/certificates/{name}"
    return [
        operation(
            site, "GET", "/certificates", list_certificates, list[CertificateSummary], query=Which
        ),
        operation(
            site,
            "POST",
            "/certificates",
            add_certificate,
            CertificateDefinition,
            role="administrator",
            status=201,
            body=GivenDefinition,
        ),
        operation(
            site,
            "POST",
            "/preview",
            preview_definition,
            dict[str, Any],
            role="administrator",
            body=GivenDefinition,
        ),
        operation(site, "GET", one, show_certificate, CertificateFacts),
        operation(
            site,
            "PUT",
            one,
            change_certificate,
            CertificateDefinition,
            role="administrator",
            body=GivenDefinition,
        ),
        operation(
            site, "DELETE", one, remove_one, None, role="administrator", status=204, query=Removal
        ),
        operation(site, "GET", f"{one}/preview", preview_certificate, dict[str, Any]),
        operation(site, "GET", f"{one}/history", show_history, list[HistoryFacts]),
        operation(site, "GET", f"{one}/pem", download_certificate, Pem),
        operation(site, "GET", f"{one}/key", download_key, PrivateKey, role="administrator"),
        operation(
            site, "POST", f"{one}/issue", issue_certificate, RunFacts, role="operator", status=202
        ),
        operation(
            site, "POST", f"{one}/resume", resume_certificate, RunFacts, role="operator", status=202
        ),
        operation(
            site, "POST", f"{one}/deploy", deploy_certificate, RunFacts, role="operator", status=202
        ),
        operation(
            site,
            "POST",
            f"{one}/revoke",
            revoke_certificate,
            None,
            role="administrator",
            status=204,
            body=Revocation,
        ),
    ]


async def list_certificates(call: Call) -> list[CertificateSummary]:
    """List the certificates and how they stand."""
    which: Which = call.query
    return [
        one
        for one in await summaries(call.manager, datetime.now(UTC))
        if which.status in (UNSET, one.status) and (one.needs_attention or not which.attention)
    ]


async def add_certificate(call: Call) -> CertificateDefinition:
    """Save a certificate without obtaining it yet."""
    given: GivenDefinition = call.body
    call.does("add", given.name)
    checked = given.checked()
    call.does("add", checked.name)
    if await call.manager.certificates.find(checked.name):
        raise InvalidInputError(f"the certificate {checked.name} already exists: use PUT")
    await save(call.manager, Proposal(checked), None)
    return checked


async def preview_definition(call: Call) -> dict[str, object]:
    """Show what issuing a definition would do; nothing is saved or changed."""
    given: GivenDefinition = call.body
    (found,) = await preview(call.manager, [given.checked()])
    return found.as_fields()


async def show_certificate(call: Call) -> dict[str, Any]:
    """Show a certificate."""
    return (await details(call.manager, call.name, datetime.now(UTC))).as_fields()


async def change_certificate(call: Call) -> CertificateDefinition:
    """Change a certificate's definition; the next renewal uses it."""
    given: GivenDefinition = call.body
    call.does("edit", call.name)
    before = (await call.manager.certificates.get(call.name)).definition
    checked = given.checked(before.name)
    if checked.name != before.name:
        raise InvalidInputError(f"the name of {before.name} stays: the body says {checked.name}")
    await save(call.manager, Proposal(checked), before)
    return checked


async def remove_one(call: Call) -> None:
    """Stop managing a certificate."""
    files: bool = call.query.delete_files
    call.does("remove with files" if files else "remove", call.name)
    found = await find_removable(call.manager, call.name, files=files)
    await remove_certificate(call.manager, found, lambda _: None, delete_files=files)


async def preview_certificate(call: Call) -> dict[str, object]:
    """Show what renewing would do; nothing is changed."""
    definition = (await call.manager.certificates.get(call.name)).definition
    (found,) = await preview(call.manager, [definition])
    return found.as_fields()


async def show_history(call: Call) -> list[HistoryFacts]:
    """Show its history."""
    found = await history(call.manager, call.name)
    return [HistoryFacts(one.at, one.kind, one.message) for one in found]


async def download_certificate(call: Call) -> Pem:
    """Download the certificate."""
    return Pem(*[await _read(call, file) for file in ("cert", "chain", "fullchain")])


async def download_key(call: Call) -> PrivateKey:
    """Download the private key, which is noted in the audit log."""
    call.does("download key", call.name)
    return PrivateKey(await _read(call, "privkey"))


async def _read(call: Call, file: str) -> str:
    name = (await call.manager.certificates.get(call.name)).name
    path = call.manager.files.live(name) / f"{file}.pem"
    try:
        return await asyncio.to_thread(path.read_text)
    except OSError as error:
        raise NotFoundError(f"there is no {file}.pem of {name} yet") from error


async def issue_certificate(call: Call) -> RunFacts:
    """Obtain the certificate now, due or not."""
    name = (await call.manager.certificates.get(call.name)).name
    call.does("renew", name)
    return RunFacts.of(start_renewal(call.site.runs, call.person, [name]))


async def resume_certificate(call: Call) -> RunFacts:
    """Continue what waits for records or has failed."""
    name = (await call.manager.certificates.get(call.name)).name
    call.does("resume", name)
    return RunFacts.of(start_resumption(call.site.runs, call.person, [name]))


async def deploy_certificate(call: Call) -> RunFacts:
    """Do the deployment tasks that are left."""
    name = (await call.manager.certificates.get(call.name)).name
    call.does("deploy", name)
    return RunFacts.of(start_deployment(call.site.runs, call.person, name))


async def revoke_certificate(call: Call) -> None:
    """Revoke the certificate at its CA, which cannot be undone."""
    asked: Revocation = call.body
    call.does("revoke", call.name)
    await revoke(call.manager, call.name, reason=asked.reason)
