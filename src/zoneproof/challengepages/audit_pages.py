"""The audit log: all of it for the operator, and for a tenant what concerns it."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from zoneproof.challengedns.api.pages import ADMIN, PORTAL
from zoneproof.challengedns.store.audit import ServiceAuditEntry, entries, entries_for
from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.challengedns.store.tenants import known_tenant
from zoneproof.challengepages.visits import ServicePage, ServiceVisit
from zoneproof.core.errors import InvalidInputError
from zoneproof.storage import Transaction

_PAGE = 100


def pages() -> list[ServicePage]:
    """Return the pages."""
    return [ServicePage("GET", root, "/audit", _show) for root in (ADMIN, PORTAL)]


async def _show(visit: ServiceVisit) -> Response:
    text, of = visit.query.text("q"), visit.query.text("tenant")
    before = _number(visit.query.text("before"))

    def work(tx: Transaction, who: LicenceKey) -> list[ServiceAuditEntry]:
        if who.tenant is None:
            return entries(tx, text=text, tenant=of, before=before, limit=_PAGE + 1)
        since = known_tenant(tx, who.tenant).created_at
        return entries_for(tx, who.tenant, since, text=text, before=before, limit=_PAGE + 1)

    found = await visit.read(work)
    shown = found[:_PAGE]
    query = {"q": text, "tenant": of, "before": str(shown[-1].number)} if shown else {}
    return visit.page(
        "service_audit.html",
        entries=shown,
        text=text,
        tenant=of if visit.is_operator else "",
        older=urlencode(query) if len(found) > _PAGE else "",
    )


def _number(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidInputError("'before' is not the number of an entry: begin with the newest")
    return int(text)
