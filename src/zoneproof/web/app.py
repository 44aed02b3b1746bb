"""All pages as one application."""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from zoneproof.manager import Home, RunOptions
from zoneproof.manager.certificates.remembered_files import RememberedFiles
from zoneproof.pages.application import make_application
from zoneproof.pages.assets import all_assets
from zoneproof.pages.browser import plain_error
from zoneproof.pages.rendering import templates_of
from zoneproof.serving.limits import IPNetwork
from zoneproof.web.api.api import api_routes
from zoneproof.web.api.calls import ROOT, api_error
from zoneproof.web.pages import all_pages
from zoneproof.web.runs import Runs
from zoneproof.web.signing import people_pages, signing_in
from zoneproof.web.visits import STRANGERS_ADVICE, Page, Site, page_routes

_PER_MINUTE = 1200  # requests of one address


def make_site(
    home: Home,
    options: RunOptions | None,
    *,
    proxies: Collection[IPNetwork],
    user_header: str,
) -> Site:
    """Return what the visits to a home's pages share; what ``proxies`` say of clients counts."""
    options = options or RunOptions()
    files = RememberedFiles(home.path)
    runs, templates = Runs(home, options), templates_of("zoneproof.web")
    return Site(home, runs, all_assets(), templates, files, options, tuple(proxies), user_header)


def every_page() -> list[Page]:
    """Return all pages, with those about signing in."""
    return [*signing_in.pages(), *people_pages.pages(), *all_pages()]


def make_app(site: Site, hosts: Collection[str]) -> ASGIApp:
    """Return the pages as an ASGI application; ``hosts`` are names by which it is reached."""

    async def failed(request: Request, error: Exception) -> Response:
        """Answer what went wrong, programs in JSON and people in a page."""
        if request.scope["path"].startswith(f"{ROOT}/"):
            return await api_error(request, error)
        return plain_error(site.templates, request, error, advice=STRANGERS_ADVICE)

    return make_application(
        [*api_routes(site), *page_routes(site, every_page())],
        site.assets,
        hosts=hosts,
        advice="start it with --host and the name",
        per_minute=_PER_MINUTE,
        proxies=site.proxies,
        refuse=failed,
    )
