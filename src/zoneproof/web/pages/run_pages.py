"""A run, live: what each identifier waits for, as events arrive, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from zoneproof.core.errors import BusyError, DeploymentError, NotFoundError
from zoneproof.manager import CredentialTest
from zoneproof.pages.records import record_views
from zoneproof.web.runs import STILL_HERE, WebRun, event_number
from zoneproof.web.visits import Page, Visit

_OVER = "event: over\ndata: over\n\n"
_GATHERED = 0.1  # seconds in which events are shown together


def pages() -> list[Page]:
    """Return the pages."""
    return [Page("GET", "/runs/{name}", _show), Page("GET", "/runs/{name}/events", _events)]


def view(visit: Visit, run: WebRun) -> dict[str, Any]:
    """Return what the templates show of a run."""
    records = run.records
    sightings = [sighting for _, sighting in records if sighting]
    name = run.certificates[0] if len(run.certificates) == 1 else ""
    is_busy = isinstance(run.error, BusyError)
    return {
        "run": run,
        "states": run.states,
        "records": record_views([record for record, _ in records], sightings),
        "name": name,
        "other": visit.site.runs.of(name) if is_busy else None,  # that keeps it from working
        "outcomes": run.outcomes,
        "is_task": isinstance(run.error, DeploymentError),
        "deletable": list(run.deletable),
        "trial": run.result if isinstance(run.result, CredentialTest) else None,
    }


async def _show(visit: Visit) -> Response:
    run = visit.site.runs.get(visit.name)
    return visit.page("run.html", lines=run.lines, number=run.number, **view(visit, run))


async def _events(visit: Visit) -> Response:
    try:
        run = visit.site.runs.get(visit.name)
    except NotFoundError:
        # No error, after which a page would only try again: it is still open, and says "running".
        stream = _gone(visit)
    else:
        seen = visit.request.headers.get("last-event-id") or visit.query.text("after")
        stream = _stream(visit, run, event_number(seen))
    headers = {"X-Accel-Buffering": "no"}  # for nginx as a proxy
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _gone(visit: Visit) -> AsyncIterator[str]:
    """Tell a page that was open while the server was started again where the result is."""
    name = visit.query.text("of")
    yield _message(visit.site.templates.render("run_gone.html", {"name": name}), 0)
    yield _OVER


async def _stream(visit: Visit, run: WebRun, seen: int) -> AsyncIterator[str]:
    """Yield server-sent events; the id of each is the number of the last event that it shows."""
    templates = visit.site.templates
    while True:
        if not await run.news(seen, STILL_HERE):
            yield ": still here\n\n"
            continue
        if not run.is_over:
            await asyncio.sleep(_GATHERED)
        number, over = run.number, run.is_over
        context = {"lines": run.lines_after(seen), "visit": visit, **view(visit, run)}
        yield _message(templates.render("run_update.html", context), number)
        seen = number
        if over:
            yield _OVER
            return


def _message(text: str, number: int) -> str:
    data = "".join(f"data: {line}\n" for line in text.splitlines() if line.strip())
    return f"id: {number}\n{data}\n"
