"""The tenant's first page: what is left, its registrations, and what was used."""

from __future__ import annotations

from starlette.responses import Response

from zoneproof.challengedns.api.pages import PORTAL
from zoneproof.challengedns.store import usage
from zoneproof.challengedns.store.tenants import known_tenant
from zoneproof.challengepages.registrations import read_list
from zoneproof.challengepages.visits import ServicePage, ServiceVisit


def pages() -> list[ServicePage]:
    """Return the pages."""
    return [
        ServicePage("GET", PORTAL, "/", _show),
        ServicePage("GET", PORTAL, "/usage", _show_usage),
    ]


async def _show(visit: ServiceVisit) -> Response:
    tenant = await visit.read(lambda tx, _: known_tenant(tx, visit.tenant))
    return visit.page("portal.html", tenant=tenant, found=await read_list(visit))


async def _show_usage(visit: ServiceVisit) -> Response:
    months = await visit.read(lambda tx, _: usage.of_tenant(tx, visit.tenant))
    return visit.page("portal_usage.html", months=months)
