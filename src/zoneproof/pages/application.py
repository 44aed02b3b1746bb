"""Pages as an application: with their assets, limits for each client, and the guard in front."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from zoneproof.core.errors import ZoneproofError
from zoneproof.pages.assets import PATH, Assets
from zoneproof.pages.forms import Form, parse
from zoneproof.pages.guard import Guard
from zoneproof.serving.application import Application
from zoneproof.serving.limits import IPNetwork
from zoneproof.serving.middleware import LimitedRequests, sender
from zoneproof.serving.responses import ErrorHandler


class PageVisit:
    """One request for a page, and the form that it sends."""

    request: Request
    form: Form

    @property
    def query(self) -> Form:
        """The fields of the URL's query."""
        return parse(self.request.scope["query_string"].decode("ascii", "replace"))

    @property
    def name(self) -> str:
        """The name that stands in the path."""
        return str(self.request.path_params["name"])

    @property
    def address(self) -> str:
        """The address from which the visit comes, as far as trusted proxies say it."""
        return str(sender(self.request))


def make_application(
    routes: Sequence[Route],
    assets: Assets,
    *,
    hosts: Collection[str],
    advice: str,
    per_minute: int,
    proxies: Sequence[IPNetwork],
    refuse: ErrorHandler,
) -> ASGIApp:
    """Return the application that serves the routes.

    ``per_minute`` requests of one address are allowed; ``hosts`` and ``advice`` are the
    :class:`Guard`'s. ``refuse`` makes the answer for what no page has answered.
    """
    app = Application(
        [Route(f"{PATH}{{name}}", assets.serve, methods=["GET"]), *routes],
        dict.fromkeys((HTTPException, ZoneproofError, Exception), refuse),
    )
    guarded = Guard(app, hosts=hosts, refuse=refuse, advice=advice)
    return LimitedRequests(guarded, per_minute=per_minute, trusted_proxies=proxies, refuse=refuse)
