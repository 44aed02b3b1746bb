"""The API's calls about runs, credentials, accounts and the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from starlette.responses import Response, StreamingResponse

from zoneproof.manager import AccountFacts, CredentialSummary, credential_summaries
from zoneproof.manager.people.audit import AuditEntry
from zoneproof.serving.operations import Operation
from zoneproof.web.api.calls import Call, operation
from zoneproof.web.api.messages import RunFacts, ZoneToTest, event_fields
from zoneproof.web.pages.actions import start_credential_test
from zoneproof.web.runs import STILL_HERE, WebRun, event_number
from zoneproof.web.visits import Site


class Search(msgspec.Struct, frozen=True):
    """A text that entries of the audit log have, and the entry before which they are.

    That is given by its time, and by its number, as others may be of the same time.
    """

    q: str = ""
    before: str = ""
    number: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0


def operations(site: Site) -> list[Operation]:
    """Return the operations."""
    return [
        operation(site, "GET", "/runs/{name}", show_run, RunFacts),
        operation(site, "GET", "/runs/{name}/events", stream_events, None),
        operation(site, "GET", "/credentials", list_credentials, list[CredentialSummary]),
        operation(
            site,
            "POST",
            "/credentials/{name}/test",
            check_credential,
            RunFacts,
            role="operator",
            status=202,
            body=ZoneToTest,
        ),
        operation(site, "GET", "/accounts", list_accounts, list[AccountFacts]),
        operation(
            site, "GET", "/audit", show_audit, list[AuditEntry], role="administrator", query=Search
        ),
    ]


async def show_run(call: Call) -> RunFacts:
    """Show a run, with its events."""
    return RunFacts.of(call.site.runs.get(call.name))


async def stream_events(call: Call) -> Response:
    """Follow a run: its events as server-sent events, from Last-Event-ID on."""
    run = call.site.runs.get(call.name)
    number = event_number(call.request.headers.get("last-event-id", ""))
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(
        event_stream(run, number), media_type="text/event-stream", headers=headers
    )


async def event_stream(run: WebRun, seen: int) -> AsyncIterator[str]:
    """Yield the events after number ``seen`` as server-sent events, and at the end the run."""
    while True:
        if not await run.news(seen, STILL_HERE):
            yield ": still here\n\n"
            continue
        # Others come while these are sent.
        over, events, seen = run.is_over, run.events_after(seen), max(seen, run.number)
        for number, certificate, event in events:
            fields = event_fields(number, certificate, event)
            yield f"id: {number}\ndata: {msgspec.json.encode(fields).decode()}\n\n"
        if over:
            facts: dict[str, Any] = msgspec.to_builtins(RunFacts.of(run))
            del facts["events"]
            yield f"event: over\ndata: {msgspec.json.encode(facts).decode()}\n\n"
            return


async def list_credentials(call: Call) -> list[CredentialSummary]:
    """List the credentials, without their fields."""
    return await credential_summaries(call.manager.store)


async def check_credential(call: Call) -> RunFacts:
    """Write, see and remove a TXT value with a credential."""
    asked: ZoneToTest = call.body
    found = await call.manager.credentials.get(call.name)
    call.does("credential test", found.name)
    return RunFacts.of(start_credential_test(call.site.runs, call.person, found, zone=asked.zone))


async def list_accounts(call: Call) -> list[AccountFacts]:
    """List the CA accounts; keys are never shown."""
    return [one.facts for one in await call.manager.accounts.all()]


async def show_audit(call: Call) -> list[AuditEntry]:
    """Show who did what: the newest 100 entries."""
    asked: Search = call.query
    return await call.manager.people.audit.latest(asked.q, before=asked.before, number=asked.number)
