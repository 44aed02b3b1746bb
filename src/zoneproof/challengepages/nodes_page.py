"""The nodes that share a database, as the operator sees them."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from zoneproof.challengedns.api.pages import ADMIN
from zoneproof.challengedns.store import node_rows
from zoneproof.challengedns.store.node_rows import NodeRow
from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.challengepages.visits import ServicePage, ServiceVisit
from zoneproof.storage import Transaction


def pages() -> list[ServicePage]:
    """Return the pages."""
    return [ServicePage("GET", ADMIN, "/nodes", _show)]


async def _show(visit: ServiceVisit) -> Response:
    config = visit.site.context.config
    if config.node is None:
        return visit.page("nodes.html", nodes=[])
    # Imported only then, with PostgreSQL's client.
    from zoneproof.challengedns.nodes.overview import node_facts

    def work(tx: Transaction, _: LicenceKey) -> tuple[list[NodeRow], int, int]:
        return node_rows.nodes(tx), node_rows.latest_change(tx), node_rows.database_time(tx)

    found, latest, now = await visit.read(work)
    nodes = await asyncio.to_thread(node_facts, config.registration_zone, found, latest, now)
    return visit.page("nodes.html", nodes=nodes)
