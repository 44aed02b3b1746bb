"""Runs the challenge service: binds, starts workers and API, takes signals, and ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from zoneproof.challengedns.api import make_app
from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.http_server import HttpServer
from zoneproof.challengedns.pool import WorkerPool
from zoneproof.challengedns.registrations import open_registrations
from zoneproof.challengedns.sockets import bind_api, bind_dns, endpoint_of
from zoneproof.challengedns.worker import WorkerSettings
from zoneproof.challengedns.zone import ZoneData
from zoneproof.challengedns.zonefile import compile_zones
from zoneproof.errors import StorageError, ZoneproofError

_UPKEEP_SECONDS = 5.0
_SWEEP_EVERY = 12
_TABLE_BYTES = 1_000_000_000  # of all workers together, at most

_log = logging.getLogger(__name__)


def serve(path: Path, ready: Callable[[str], None]) -> None:
    """Run the service of a configuration file until SIGTERM or SIGINT.

    ``ready`` gets one line that says where it answers, once it does. Raises ConfigError,
    StorageError or ZoneproofError when it cannot start.
    """
    config = load_config(path)
    zones = compile_zones(path, config.zones)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    logging.getLogger(__package__).setLevel(logging.INFO)
    # Its warnings tell of every connection that does not speak HTTP, which anybody can send.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    _raise_file_limit()
    asyncio.run(_Service(config, zones).run(ready))


class _Service:
    def __init__(self, config: Config, zones: list[ZoneData]) -> None:
        self._config = config
        self._zones = zones
        self._pool = WorkerPool()
        self._signals: asyncio.Queue[signal.Signals] = asyncio.Queue()

    async def run(self, ready: Callable[[str], None]) -> None:
        config = self._config
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._signals.put_nowait, number)
        async with contextlib.AsyncExitStack() as stack:
            self._dns = [
                stack.enter_context(contextlib.closing(bind_dns(endpoint, config.dns.workers)))
                for endpoint in config.dns.listen
            ]
            listeners = [bind_api(endpoint) for endpoint in config.api.listen]
            for listener in listeners:
                stack.enter_context(listener)
            self._registrations = open_registrations(
                config.database,
                zone=config.registration_zone,
                value_lifetime=config.value_lifetime,
            )
            stack.push_async_callback(self._registrations.close)
            self._http = HttpServer(make_app(self._registrations, config.api), config.api)
            stack.push_async_callback(self._pool.stop)
            await self._start_workers()
            self._http.start(listeners)
            stack.push_async_callback(self._http.stop)
            stack.enter_context(_cancelled_at_exit(asyncio.create_task(self._keep_up())))
            ready(self._ready_line(listeners))
            while await self._signals.get() == signal.SIGHUP:
                await self._reload()

    def _ready_line(self, listeners: Sequence[socket.socket]) -> str:
        dns = ", ".join(str(each.endpoint) for each in self._dns)
        api = ", ".join(f"{self._http.scheme}://{endpoint_of(each)}" for each in listeners)
        return f"challenge service ready: DNS on {dns}, API on {api}"

    async def _start_workers(self) -> None:
        generation = await self._registrations.begin_generation()
        udp = [
            self._settings("udp", [each.udp[index] for each in self._dns], generation)
            for index in range(len(self._dns[0].udp))
        ]
        tcp = self._settings("tcp", [each.tcp for each in self._dns], generation)
        await self._pool.start([*udp, tcp])

    def _settings(
        self, transport: Literal["udp", "tcp"], sockets: Sequence[socket.socket], generation: int
    ) -> WorkerSettings:
        config = self._config
        return WorkerSettings(
            transport=transport,
            sockets=[sock.fileno() for sock in sockets],
            database=str(config.database.absolute()),
            generation=generation,
            zones=self._zones,
            value_ttl=config.dns.value_ttl,
            table_bytes=_TABLE_BYTES // config.dns.workers,
            rate_limit=config.dns.rate_limit,
            tcp_connections=config.dns.tcp_connections,
            tcp_idle_timeout=config.dns.tcp_idle_timeout,
        )

    async def _keep_up(self) -> None:
        for turn in itertools.count():
            try:
                await self._registrations.announce_missed()
                if turn % _SWEEP_EVERY == 0:
                    await self._registrations.sweep()
            except StorageError as error:
                _log.error("%s", error.message)
            await asyncio.sleep(_UPKEEP_SECONDS)

    async def _reload(self) -> None:
        old_config, old_zones = self._config, self._zones
        try:
            new = load_config(old_config.path)
            self._zones = compile_zones(new.path, new.zones)
            self._config = _changeable(old_config, new)
            self._http.reload_certificate()
            await self._start_workers()
        except ZoneproofError as error:
            self._config, self._zones = old_config, old_zones
            _log.error("configuration not reread: %s", error.message)
            return
        self._registrations = self._registrations.with_settings(
            zone=self._config.registration_zone, value_lifetime=self._config.value_lifetime
        )
        self._http.replace_app(make_app(self._registrations, self._config.api))
        _log.info("configuration reread")


def _changeable(old: Config, new: Config) -> Config:
    """Return the new configuration, with the old one's where that needs a restart."""
    kept = replace(
        new,
        database=old.database,
        dns=replace(new.dns, listen=old.dns.listen, workers=old.dns.workers),
        api=replace(
            new.api,
            listen=old.api.listen,
            certificate=old.api.certificate,
            key=old.api.key,
        ),
    )
    if kept != new:
        _log.warning(
            "addresses, workers, database and the certificate's file names change at a restart"
        )
    return kept


@contextlib.contextmanager
def _cancelled_at_exit(task: asyncio.Task[None]) -> Iterator[None]:
    try:
        yield
    finally:
        task.cancel()


def _raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
