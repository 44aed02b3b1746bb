"""Where the pages of the operator and the tenants join the API: at paths of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from zoneproof.challengedns.api.api import StockPaths
from zoneproof.challengedns.config import Config
from zoneproof.challengedns.dns.live_view import LiveView
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.registrations import Registrations

ADMIN: Final = "/admin"
PORTAL: Final = "/portal"
ASSETS: Final = "/assets"


@dataclass(frozen=True)
class PagesContext:
    """What the pages of a service need of it.

    ``hosts`` are the names by which browsers reach them, besides addresses; ``live`` is what the
    operator watches.
    """

    config: Config
    database: Database
    registrations: Registrations
    hosts: frozenset[str]
    live: LiveView


OpenPages = Callable[[PagesContext], ASGIApp]
"""Makes the pages; raises ImportError where what they need is not installed."""


class WithPages:
    """The API, with the pages at their paths, which are made when somebody first comes.

    What ends in an endpoint of stock clients stays the API's: any path can stand before one.
    """

    def __init__(self, api: ASGIApp, open_pages: Callable[[], ASGIApp]) -> None:
        self._api = api
        self._open = open_pages
        self._pages: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        app = self._api
        if scope["type"] == "http" and _is_page(scope["path"]):
            app = self._pages or await self._opened()
        await app(scope, receive, send)

    async def _opened(self) -> ASGIApp:
        try:
            # In a thread: what is imported then takes its time, and the API has none.
            self._pages = await asyncio.to_thread(self._open)
        except ImportError:
            return _not_installed
        return self._pages


def _is_page(path: str) -> bool:
    first = path[: path.find("/", 1)] if "/" in path[1:] else path
    return first in {ADMIN, PORTAL, ASSETS} and not StockPaths.is_endpoint(path)


async def _not_installed(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in place of the pages where what they need is not installed."""
    text = "The pages need the extra 'web': install it (docs/install.md) and start again.\n"
    await PlainTextResponse(text, 503)(scope, receive, send)
