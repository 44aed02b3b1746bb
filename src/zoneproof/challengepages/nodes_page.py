"""The name servers beside this one, as the operator sees them: nodes and secondaries."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from zoneproof.challengedns.api.pages import ADMIN
from zoneproof.challengedns.secondaries.overview import (
    ask_serials,
    newest_changes,
    secondary_facts,
)
from zoneproof.challengedns.store import rows
from zoneproof.challengepages.visits import ServicePage, ServiceVisit


def pages() -> list[ServicePage]:
    """Return the pages."""
    return [ServicePage("GET", ADMIN, "/nodes", _show)]


async def _show(visit: ServiceVisit) -> Response:
    config = visit.site.context.config
    newest = await visit.read(lambda tx, _: newest_changes(tx))
    asked = await asyncio.to_thread(ask_serials, config.secondaries)
    latest = await visit.read(lambda tx, _: rows.generation(tx))
    found = secondary_facts(config, asked, newest, latest)
    if config.node is None:
        return visit.page("nodes.html", nodes=[], secondaries=found)
    # Imported only then, with PostgreSQL's client.
    from zoneproof.challengedns.nodes.overview import StoredNodes, node_facts

    stored = await visit.read(lambda tx, _: StoredNodes.read(tx))
    nodes = await asyncio.to_thread(node_facts, config.registration_zone, stored)
    return visit.page("nodes.html", nodes=nodes, secondaries=found)
