"""The API's routes, and the OpenAPI document that describes them."""

from __future__ import annotations

from starlette.routing import Route

from zoneproof.serving.operations import ApiInfo, description_route, routes
from zoneproof.web.api import certificates, others
from zoneproof.web.api.calls import ROOT
from zoneproof.web.visits import SESSION_COOKIE, Site

_INFO = ApiInfo(
    title="Zoneproof manager",
    description="Certificates of a home, what they need, and who did what: what the web pages do,"
    " for programs.",
    path_parameters={"name": {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*$"}},
    security={
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API token."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": SESSION_COOKIE,
            "description": "The session of somebody who is signed in to the pages.",
        },
    },
)


def api_routes(site: Site) -> list[Route]:
    """Return the routes of the API."""
    operations = [*certificates.operations(site), *others.operations(site)]
    return [*routes(operations), description_route(f"{ROOT}/openapi.json", _INFO, operations)]
