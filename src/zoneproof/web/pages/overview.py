"""The first page: what needs somebody, how many stand how, what comes, what happened."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from zoneproof.manager.certificates.details import remark, summaries
from zoneproof.manager.certificates.last_run import nothing_renews
from zoneproof.web.pages.chart import draw
from zoneproof.web.pages.views import helpful, is_never_obtained, severity
from zoneproof.web.visits import KEPT_COOKIE, Page, Visit

_NEEDS, _NEVER_OBTAINED, _EVENTS = 20, 5, 8
_SOON = timedelta(days=30)


def pages() -> list[Page]:
    """Return the pages."""
    return [Page("GET", "/", _overview)]


async def _overview(visit: Visit) -> Response:
    if visit.query.is_on(KEPT_COOKIE):
        return visit.go("/")
    now = datetime.now(UTC)
    found = await summaries(visit.manager, now)
    needing = [one for one in found if one.needs_attention]
    needing.sort(key=lambda one: severity(one, now))
    never = [one for one in needing if is_never_obtained(one)]
    others = needing[: len(needing) - len(never)]
    shown = others[:_NEEDS] + never[:_NEVER_OBTAINED]
    return visit.page(
        "overview.html",
        total=len(found),
        attention=len(needing),
        more=max(len(others) - _NEEDS, 0),
        more_never=max(len(never) - _NEVER_OBTAINED, 0),
        needs=[(one, remark(one, now), helpful(one)) for one in shown],
        statuses=Counter(one.status for one in found),
        soon=sum(1 for one in found if one.not_after and now <= one.not_after <= now + _SOON),
        chart=draw(found, now.date()) if found else None,
        leftovers=await visit.manager.leftovers.failed(),
        events=await visit.manager.history.latest(_EVENTS),
        nothing_renews=nothing_renews(visit.manager.home, found, now),
        running=[run for run in visit.site.runs.latest() if not run.is_over],
    )
