"""Serves the metrics at ``/metrics``, as an application of its own."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from zoneproof.challengedns.operation.metrics import MeasuredStore, Metrics
from zoneproof.errors import StorageError

_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_log = logging.getLogger(__name__)


def make_metrics_app(metrics: Metrics, store: MeasuredStore) -> ASGIApp:
    """Return an application that answers ``GET /metrics``."""

    async def page(request: Request) -> Response:  # noqa: ARG001
        try:
            return PlainTextResponse(await metrics.page(store), media_type=_TYPE)
        except StorageError as error:
            _log.error("no metrics: %s", error.message)
            return PlainTextResponse("the database cannot be read\n", 503)

    app = Starlette(routes=[Route("/metrics", page, methods=["GET"])])
    app.router.redirect_slashes = False  # a redirect would lead where the request's Host says
    return app
