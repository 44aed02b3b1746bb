"""All pages of the service as one application."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from zoneproof.challengedns.api.pages import ADMIN, PORTAL, PagesContext
from zoneproof.challengepages import (
    audit_pages,
    live_page,
    nodes_page,
    overview,
    registrations,
    setup,
    signing_in,
    tenants,
    usage_pages,
)
from zoneproof.challengepages.looks import Looks
from zoneproof.challengepages.visits import Refusals, ServicePage, ServiceSite, page_routes
from zoneproof.pages.application import make_application
from zoneproof.pages.assets import all_assets
from zoneproof.pages.browser import plain_error
from zoneproof.pages.rendering import templates_of

_ADVICE = "add it to 'hosts' in the section [pages] of zoneproof.toml"


def every_page() -> list[ServicePage]:
    """Return all pages."""
    parts = (
        signing_in,
        overview,
        registrations,
        setup,
        tenants,
        usage_pages,
        nodes_page,
        live_page,
        audit_pages,
    )
    return [page for part in parts for page in part.pages()]


def make_pages(context: PagesContext) -> ASGIApp:
    """Return the pages as an ASGI application."""
    templates = templates_of("zoneproof.challengepages")
    site = ServiceSite(context, all_assets(), templates, Refusals(), Looks())

    async def failed(request: Request, error: Exception) -> Response:
        root = ADMIN if request.scope["path"].startswith(ADMIN) else PORTAL
        return plain_error(site.templates, request, error, root)

    return make_application(
        [
            *(Route(root, _with_slash, methods=["GET"]) for root in (ADMIN, PORTAL)),
            *page_routes(site, every_page()),
        ],
        site.assets,
        hosts=context.hosts,
        advice=_ADVICE,
        per_minute=context.config.api.rate_limit_address,
        proxies=context.config.api.trusted_proxies,
        refuse=failed,
    )


async def _with_slash(request: Request) -> Response:
    return RedirectResponse(f"{request.scope['path']}/", 308)
