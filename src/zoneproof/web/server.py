"""Runs the pages: sockets, TLS that follows its files, and the first link."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address

from zoneproof.core.errors import ConfigError
from zoneproof.core.files import exists, stamp
from zoneproof.manager import Home, Manager, RunOptions, open_manager
from zoneproof.serving.certificate import KeyPair
from zoneproof.serving.limits import IPNetwork
from zoneproof.serving.server import HttpServer
from zoneproof.serving.sockets import Endpoint, bind
from zoneproof.web.app import make_app, make_site

_CONNECTIONS, _OF_ONE = 400, 100
_LOOK = 30.0  # seconds after which a new certificate is seen
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WebOptions:
    """Where the pages are served, and how.

    ``hosts`` are names by which browsers reach them; ``managed`` is a certificate of this home to
    show, instead of ``certificate``, files. ``proxies`` are reverse proxies, which say who their
    clients are, and in ``user_header``, unless it is empty, which user they have let in.
    ``first_link`` asks for a link for the first administrator, as long as there is none.
    """

    listen: str
    hosts: tuple[str, ...] = ()
    certificate: KeyPair | None = None
    managed: str = ""
    proxies: tuple[IPNetwork, ...] = ()
    user_header: str = ""
    first_link: bool = True

    @property
    def endpoint(self) -> Endpoint:
        """Where to listen. Raises ConfigError."""
        text = self.listen if ":" in self.listen else f"127.0.0.1:{self.listen}"
        try:
            return Endpoint.parse(text)
        except ValueError as error:
            raise ConfigError(
                f"the web pages cannot be served at '{self.listen[:80]}': write an IP address and a"
                " port, as 127.0.0.1:8053 or [::1]:8053, or a port alone"
            ) from error


@dataclass(frozen=True)
class WebReady:
    """The pages are served at ``url``; ``listening`` is where its proxy reaches them, if any.

    ``has_administrator`` tells whether anybody is one; ``link`` makes whoever opens it the first,
    and is empty where it is not asked for. ``is_expired`` is of the certificate.
    """

    url: str
    has_administrator: bool
    link: str = ""
    listening: str = ""
    is_expired: bool = False


@asynccontextmanager
async def serving(
    home: Home,
    options: WebOptions,
    on_ready: Callable[[WebReady], None],
    run: RunOptions | None = None,
) -> AsyncIterator[None]:
    """Serve the pages as long as the context lasts.

    ``on_ready`` hears where. Raises ConfigError, also for an address other than loopback without
    TLS.
    """
    endpoint = options.endpoint
    has_tls = bool(options.certificate or options.managed)
    if not has_tls and not ip_address(endpoint.host).is_loopback:
        raise ConfigError(
            f"the pages are served at {endpoint} only with TLS: add --tls-managed with a"
            " certificate of this home, or --tls-certificate and --tls-key; or listen on 127.0.0.1,"
            " behind a proxy"
        )
    home.create()
    pair = options.certificate
    if options.managed:
        async with open_manager(home, run, needs_secrets=False) as manager:
            found = await manager.certificates.get(options.managed)
            folder = manager.files.live(found.name)
        pair = KeyPair(folder / "fullchain.pem", folder / "privkey.pem")
        if not exists(pair.certificate):
            raise ConfigError(
                f"{found.name} has no certificate yet that the pages could show: obtain it with"
                f" 'zoneproof issue {found.name}'"
            )
    names = {*options.hosts, *(pair.names() if pair else ())}
    site = make_site(home, run, proxies=options.proxies, user_header=options.user_header)
    server = HttpServer(
        make_app(site, names),
        pair,
        connections=_CONNECTIONS,
        of_one=_OF_ONE,
        proxies=options.proxies,
    )
    listener = bind(endpoint, "the web pages")
    server.start([listener])
    url, listening = _places(options, server.scheme, names, Endpoint.of(listener))
    follower = asyncio.create_task(follow(server, pair)) if pair else None
    try:
        # Only now, since a new link ends the one before it: it may be that of another server.
        async with open_manager(home, run, needs_secrets=False) as manager:
            ready = await _ready(manager, url, with_link=options.first_link)
            expired = pair is not None and pair.expires_at() <= time.time()
            on_ready(replace(ready, listening=listening, is_expired=expired))
        yield
    finally:
        if follower:
            follower.cancel()
        await site.runs.close()
        await server.stop()


def _places(
    options: WebOptions, scheme: str, names: Iterable[str], endpoint: Endpoint
) -> tuple[str, str]:
    """Return where browsers reach the pages and, if that is a proxy, where it does."""
    if options.proxies and options.hosts:
        return f"https://{options.hosts[0]}/", str(endpoint)  # browsers keep no session over HTTP
    host = next(iter((*options.hosts, *sorted(names))), "") or str(endpoint).rpartition(":")[0]
    return f"{scheme}://{host}:{endpoint.port}/", ""


async def _ready(manager: Manager, url: str, *, with_link: bool) -> WebReady:
    users = manager.people.users
    if await users.has_administrator():
        return WebReady(url, True)
    secret = await users.add_link("", "administrator") if with_link else ""
    return WebReady(url, False, f"{url}welcome?token={secret}" if secret else "")


async def follow(
    server: HttpServer, pair: KeyPair, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Show the certificate anew when its files change, until cancelled."""
    seen = _stamps(pair)
    while True:
        await sleep(_LOOK)
        now = await asyncio.to_thread(_stamps, pair)
        if now == seen:
            continue
        try:
            server.use_certificate(pair)
            seen = now
        except ConfigError as error:  # half written, so the next look may find the other half
            _log.warning("%s; the previous certificate stays in use", error.message)


def _stamps(pair: KeyPair) -> Sequence[object]:
    return stamp(pair.certificate), stamp(pair.key)
