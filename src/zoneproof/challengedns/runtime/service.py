"""Runs the challenge service: binds, starts workers and API, takes signals, and ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from starlette.types import ASGIApp

from zoneproof.challengedns.api.api import make_app
from zoneproof.challengedns.api.certificate import CertificateSource
from zoneproof.challengedns.api.pages import (
    OpenPages,
    PagesContext,
    WithPages,
)
from zoneproof.challengedns.config import AutoTls, Config, load_config
from zoneproof.challengedns.dns.counters import BLIND, DAMAGED, SEES
from zoneproof.challengedns.dns.live_view import LiveView
from zoneproof.challengedns.dns.worker import WorkerSettings
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.own_names import own_aliases, with_own_names
from zoneproof.challengedns.runtime.capacity import METRICS, capacity
from zoneproof.challengedns.runtime.cpu_affinity import PoolThread, give_way
from zoneproof.challengedns.runtime.metrics import (
    CountedRequests,
    Metrics,
    make_metrics_app,
)
from zoneproof.challengedns.runtime.pool import WorkerPool
from zoneproof.challengedns.runtime.privileges import drop_privileges
from zoneproof.challengedns.runtime.reload import WatchedFiles, changeable
from zoneproof.challengedns.runtime.served_certificate import ServedCertificate
from zoneproof.challengedns.runtime.sockets import bind_dns, remarks_on_families
from zoneproof.challengedns.runtime.upkeep import Upkeep
from zoneproof.challengedns.secondaries.barrier import SecondaryBarrier
from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.audit import SERVICE
from zoneproof.challengedns.store.database import Database, Hooks
from zoneproof.challengedns.store.opening import open_database
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.sqlite_database import SqliteDatabase
from zoneproof.core.errors import (
    ConfigError,
    DamagedDatabaseError,
    StorageError,
    ZoneproofError,
)
from zoneproof.serving import logs
from zoneproof.serving.capacity import file_limit, usable_memory
from zoneproof.serving.server import HttpServer, run
from zoneproof.serving.sockets import Endpoint, bind
from zoneproof.storage import open_in_thread

if TYPE_CHECKING:
    from zoneproof.challengedns.nodes.node import Node

_TABLE_BYTES = 1_000_000_000  # of all workers together, at most
_COLLECT_AFTER = 700, 10, 10  # new objects, and rounds of that: as Python does by itself

_log = logging.getLogger(__name__)

OpenSource = Callable[[Config, AutoTls], CertificateSource]
"""Makes what obtains the API's certificate, after root's privileges are gone."""


def serve(
    path: Path,
    ready: Callable[[str], None],
    open_source: OpenSource,
    open_pages: OpenPages,
    *,
    reload_on_change: bool = False,
) -> None:
    """Run the service of a configuration file until SIGTERM or SIGINT.

    ``ready`` gets one line that says where it answers, once it does. With ``reload_on_change``
    a changed file is taken up as after SIGHUP. Raises ConfigError, StorageError or ZoneproofError
    when it cannot start.
    """
    config = load_config(path)
    with_own_names(config, compile_zones(path, config.zones))
    logs.set_up(config.log)
    _raise_file_limit()
    service = _Service(config, open_source, open_pages)
    run(service.run(ready, reload_on_change=reload_on_change), with_tls=config.api.has_tls)


class _Service:
    def __init__(self, config: Config, open_source: OpenSource, open_pages: OpenPages) -> None:
        self._config = config
        self._files = WatchedFiles(config)
        self._capacity = capacity(config, file_limit(), usable_memory())
        self._open_source = open_source
        self._open_pages = open_pages
        self._pool = WorkerPool()
        self._metrics = Metrics(self._pool)
        self._live = LiveView(self._pool.tally)
        self._node: Node | None = None
        self._secondaries = SecondaryBarrier()
        self._metrics.secondaries = self._secondaries.statuses
        self._is_answering = False
        self._starting = asyncio.Lock()  # so that workers of an old configuration never come last
        self._signals: asyncio.Queue[signal.Signals] = asyncio.Queue()

    async def run(self, ready: Callable[[str], None], *, reload_on_change: bool) -> None:
        config = self._config
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._signals.put_nowait, number)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._secondaries.close)
            self._dns = [
                stack.enter_context(contextlib.closing(bind_dns(endpoint, config.dns.workers)))
                for endpoint in config.dns.listen
            ]
            listeners = [stack.enter_context(bind(each, "the API")) for each in config.api.listen]
            for_metrics = [
                stack.enter_context(bind(each, "the metrics")) for each in [config.metrics] if each
            ]
            drop_privileges(config)
            self._workers = stack.enter_context(PoolThread(self._pool))
            give_way()
            await self._open_database()
            stack.push_async_callback(self._database.close)
            await self._open_local(stack)
            self._upkeep = Upkeep(
                self._database,
                self._local,
                self._node,
                self._pool.tally,
                restart_workers=self._start_workers,
            )
            self._upkeep.use(config, self._registrations)
            if self._node is None:
                stack.push_async_callback(self._upkeep.write_last_use)
            auto = config.api.auto
            source = None if auto is None else self._open_source(config, auto)
            self._certificate = ServedCertificate(config.api, source, self._metrics)
            await self._certificate.prepare()
            self._http = HttpServer(
                self._app(),
                self._certificate.key_pair(),
                connections=self._capacity.api,
                of_one=self._capacity.api_of_one,
                proxies=config.api.trusted_proxies,
            )
            self._certificate.tell_expiry()
            self._certificate.warn()
            stack.push_async_callback(self._workers.stop)
            await self._start_workers(config)
            await self._local.verify()  # takes seconds for a large database, while DNS answers
            self._http.start(listeners)
            stack.push_async_callback(self._http.stop)
            if self._node is not None:
                stack.push_async_callback(asyncio.to_thread, self._node.stop)
                await asyncio.to_thread(self._node.start)
                if config.secondaries:
                    await self._upkeep.renumber()  # the zones may be others than before the restart
                # A node that has given its lease up writes no more.
                stack.push_async_callback(self._upkeep.write_last_use)
            if for_metrics:
                metrics = HttpServer(
                    make_metrics_app(self._metrics, self._local),
                    connections=METRICS,
                    of_one=METRICS,
                )
                metrics.start(for_metrics)
                stack.push_async_callback(metrics.stop)
            stack.enter_context(_cancelled_at_exit(asyncio.create_task(self._upkeep.keep_up())))
            keeping = self._certificate.keep(self._http, self._require_orderable)
            stack.enter_context(_cancelled_at_exit(asyncio.create_task(keeping)))
            reminding = self._certificate.remind()
            stack.enter_context(_cancelled_at_exit(asyncio.create_task(reminding)))
            if reload_on_change:
                watching = self._files.watch(lambda: self._signals.put_nowait(signal.SIGHUP))
                stack.enter_context(_cancelled_at_exit(asyncio.create_task(watching)))
            _collect_often()
            ready(self._ready_line(listeners, for_metrics))
            for remark in remarks_on_families(config):
                _log.warning("%s", remark)
            while await self._signals.get() == signal.SIGHUP:
                await self._reload()

    async def _open_database(self) -> None:
        config = self._config

        def opening() -> Database:
            hooks = Hooks(
                self._metrics.observe_storage, self._require_readers, self._secondaries.passed
            )
            return open_database(config, hooks=hooks, may_only_read=True)

        self._database = await open_in_thread(opening, _close)
        self._registrations = Registrations(config.registration_zone, config.value_lifetime)

    async def _open_local(self, stack: contextlib.AsyncExitStack) -> None:
        """Open what the DNS workers read: the database itself, or a node's replica of it."""
        if isinstance(self._database, SqliteDatabase):
            self._local = self._database
            return
        # Imported only then, with PostgreSQL's client.
        from zoneproof.challengedns.nodes.node import Node
        from zoneproof.challengedns.store.postgres_database import PostgresDatabase

        config, database = self._config, self._database
        assert isinstance(database, PostgresDatabase)

        def opening() -> Node:
            zones = compile_zones(config.path, config.zones)
            return Node(
                config,
                zones,
                self._dns[0].endpoint,
                database,
                is_sighted=lambda: self._pool.tally.worst_sight() == SEES,
            )

        self._node = await open_in_thread(opening, Node.close)
        stack.push_async_callback(self._node.close)
        self._local = self._node.replica.database
        self._metrics.node = self._node
        await asyncio.to_thread(self._node.prepare)

    def _require_readers(self) -> None:
        """Raise StorageError while a DNS worker could not answer with what would be written.

        So it does for what the next start would not find.
        """
        self._local.require_in_place()
        if self._node is not None:
            self._node.follower.require_lease()
        sight = self._pool.tally.worst_sight()
        if sight == DAMAGED:
            raise DamagedDatabaseError(
                f"the database {self._config.database}: a DNS worker found it damaged: restore"
                " it from a backup"
            )
        if sight == BLIND:
            raise StorageError(
                f"the database {self._config.database}: a DNS worker cannot read it: see its error "
                "above"
            )

    def _app(self) -> ASGIApp:
        app = make_app(
            self._database,
            self._registrations,
            self._config.api,
            self._live,
            # On one machine there is no other to ask.
            is_trusted=lambda: self._node is None or self._certificate.is_trusted,
        )
        if self._config.pages.enabled:
            app = WithPages(app, self._pages)
        return CountedRequests(app, self._metrics.requests)

    def _pages(self) -> ASGIApp:
        config, pair = self._config, self._certificate.key_pair()
        hosts = {*config.pages.hosts, *(str(name) for name in config.api_names)}
        if pair is not None:
            with contextlib.suppress(ConfigError):  # as one that is still to be obtained
                hosts |= pair.names()
        return self._open_pages(
            PagesContext(config, self._database, self._registrations, frozenset(hosts), self._live)
        )

    def _ready_line(
        self, listeners: Sequence[socket.socket], for_metrics: Sequence[socket.socket]
    ) -> str:
        dns = ", ".join(str(each.endpoint) for each in self._dns)
        api = ", ".join(f"{self._http.scheme}://{Endpoint.of(each)}" for each in listeners)
        metrics = "".join(f"metrics on http://{Endpoint.of(each)}, " for each in for_metrics)
        return f"challenge service ready: DNS on {dns}, {metrics}API on {api}"

    async def _start_workers(self, config: Config | None = None) -> None:
        """Start workers of another configuration, which is the one in use then, or of that."""
        async with self._starting:
            config = config or self._config
            await self._replace_workers(config)
            self._config = config

    async def _replace_workers(self, config: Config) -> None:
        zones = with_own_names(config, compile_zones(config.path, config.zones))
        secondaries = self._secondaries.prepare(config)
        # Secondaries must not take the zones of before under the serial of those from now on: it is
        # counted up once what serves them has been replaced.
        renumbers = self._is_answering and bool(secondaries)
        if renumbers:
            generation = await self._local.read(rows.generation)
        else:
            generation = await self._upkeep.begin_generation()
        values_ahead = await self._local.read(self._registrations.value_clock.ahead)
        limits = capacity(config, file_limit(), usable_memory())

        def settings(
            transport: Literal["udp", "tcp", "transfers"], sockets: Sequence[socket.socket]
        ) -> WorkerSettings:
            return WorkerSettings(
                transport=transport,
                sockets=[sock.fileno() for sock in sockets],
                database=str(config.database.absolute()),
                generation=generation,
                values_ahead=values_ahead,
                zones=zones,
                value_ttl=config.dns.value_ttl,
                table_bytes=_TABLE_BYTES // config.dns.workers,
                rate_limit=config.dns.rate_limit,
                tcp_connections=limits.dns,
                tcp_connections_of_one=limits.dns_of_one,
                tcp_idle_timeout=config.dns.tcp_idle_timeout,
                log=config.log,
                lease=-1 if self._node is None else self._node.memory.descriptor,
                node=config.node.name if config.node else "",
                notes_questions=config.pages.enabled and config.pages.last_questions,
                secondaries=secondaries,
            )

        udp = [
            settings("udp", [each.udp[index] for each in self._dns])
            for index in range(len(self._dns[0].udp))
        ]
        tcp = settings("tcp", [each.tcp for each in self._dns])
        workers = [*udp, tcp]
        if secondaries:
            shared = self._secondaries.shared
            tcp = msgspec.structs.replace(tcp, transfers=shared.to_give)
            transfers = msgspec.structs.replace(
                settings("transfers", []),
                transfers=shared.to_take,
                progress=shared.progress,
                wake=shared.woken,
                listen=[each.endpoint.host for each in self._dns],
            )
            workers = [*udp, tcp, transfers]
        await self._workers.start(workers)
        self._secondaries.use(secondaries)
        self._is_answering = True
        if renumbers and self._node is None:
            await self._upkeep.renumber()

    def _require_orderable(self) -> None:
        if self._node is not None:
            self._node.require_same_answers(own_aliases(self._config, self._config.api_names))

    async def _reload(self) -> None:
        try:
            config = changeable(self._config, load_config(self._config.path))
            await self._start_workers(config)
        except ZoneproofError as error:
            _log.error("configuration not reloaded: %s", error.message)
            await self._note_reload(result=error.message)
            return
        logs.set_up(config.log)
        if self._node is not None:
            self._node.use(config, compile_zones(config.path, config.zones))
            await self._upkeep.renumber()
        self._registrations = replace(
            self._registrations,
            zone=config.registration_zone,
            value_lifetime=config.value_lifetime,
        )
        self._upkeep.use(config, self._registrations)
        self._http.replace_app(self._app(), config.api.trusted_proxies)
        self._certificate.api = config.api
        self._certificate.reload(self._http)
        self._certificate.warn()
        await self._note_reload()
        with contextlib.suppress(StorageError):  # what keeps up tries again, and says why
            await self._upkeep.remember_zones()
        _log.info("configuration reloaded")

    async def _note_reload(self, **result: str) -> None:
        node = self._config.node
        subject = f"at node {node.name}" if node else ""
        audit = self._registrations.by(SERVICE).audit
        try:
            await self._database.write(
                lambda tx: audit.note(tx, "configuration reload", subject, **result)
            )
        except StorageError as error:
            _log.warning("the audit log does not have the reload: %s", error.message)


async def _close(database: Database) -> None:
    await database.close()


@contextlib.contextmanager
def _cancelled_at_exit(task: asyncio.Task[None]) -> Iterator[None]:
    try:
        yield
    finally:
        task.cancel()


def _collect_often() -> None:
    # Commands that end soon look for garbage seldom, but TLS connections end as garbage of some
    # 20 KB each, which counts as a few objects. What there is by now stays and is not looked at.
    gc.set_threshold(*_COLLECT_AFTER)
    gc.collect()
    gc.freeze()


def _raise_file_limit() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
