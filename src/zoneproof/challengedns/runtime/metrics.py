"""What the service counts and measures, and how Prometheus reads it (text format 0.0.4)."""

from __future__ import annotations

import bisect
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zoneproof.challengedns.dns import counters
from zoneproof.challengedns.runtime.pool import WorkerPool
from zoneproof.challengedns.secondaries.barrier import SecondaryStatus
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.core.errors import StorageError
from zoneproof.serving.application import Application
from zoneproof.storage import Transaction

if TYPE_CHECKING:
    from zoneproof.challengedns.nodes.node import Node

_BUCKETS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_ENDPOINTS: Final = frozenset({"register", "update", "health"})
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
_ROW_COUNTS_KEPT: Final = 10.0  # seconds; counting a million rows takes tens of milliseconds

_REGISTRATIONS: Final = "SELECT COUNT(*) FROM challenge_registration"
_LIVE_VALUES: Final = "SELECT COUNT(*) FROM challenge_value WHERE expires_at > ?"


class Histogram:
    """How long something took, in seconds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect.bisect_left(_BUCKETS, seconds)] += 1
        self.sum += seconds


class CountedRequests:
    """Counts the answers of an ASGI application by endpoint, method and status."""

    def __init__(self, app: ASGIApp, requests: Counter[tuple[str, str, str]]) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        endpoint = scope["path"].rstrip("/").rpartition("/")[2]
        if endpoint not in _ENDPOINTS:
            endpoint = "api" if scope["path"].startswith("/api/") else "other"
        method = scope["method"] if scope["method"] in _METHODS else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._requests[endpoint, method, str(message["status"])] += 1
            await send(message)

        await self._app(scope, receive, counted)


class Metrics:
    """All that is known, put together when Prometheus asks.

    ``certificate_expires_at`` is in seconds since 1970: 0 while clients get an untrusted one,
    and None without TLS.
    """

    def __init__(self, pool: WorkerPool, clock: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._clock = clock
        self._value_clock = ValueClock(clock)
        self._rows: tuple[int, int] = (0, 0)
        self._rows_at = 0.0
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.storage = {"read": Histogram(), "write": Histogram()}
        self.node: Node | None = None
        self.secondaries: Callable[[], Sequence[SecondaryStatus]] = list
        self.certificate_expires_at: float | None = None
        self.renewals: Counter[str] = Counter({"success": 0, "failure": 0})

    def observe_storage(self, kind: Literal["read", "write", "confirm"], seconds: float) -> None:
        """Count a transaction, and how long it took."""
        self.storage.setdefault(kind, Histogram()).observe(seconds)

    async def page(self, database: Database) -> str:
        """Return the page. Raises StorageError."""
        await self._count_rows(database)
        return "".join(f"{line}\n" for line in itertools.chain(self._dns(), self._rest()))

    async def _count_rows(self, database: Database) -> None:
        now = self._clock()
        if abs(now - self._rows_at) < _ROW_COUNTS_KEPT:
            return
        self._rows = await database.read(
            lambda tx: (
                _number(tx, _REGISTRATIONS),
                _number(tx, _LIVE_VALUES, self._value_clock.now(tx)),
            )
        )
        self._rows_at = now

    def _dns(self) -> Iterator[str]:
        totals = self._pool.tally.totals()
        yield from _family(
            "zoneproof_dns_queries_total",
            "counter",
            "DNS questions answered, by type of question, response code and transport.",
            (
                (
                    {"transport": transport, "type": rdtype, "rcode": rcode},
                    count,
                )
                for (transport, cell), count in sorted(totals.items())
                if cell < counters.TRUNCATED
                for rdtype, rcode in [counters.labels(cell)]
            ),
        )
        for name, cell, text in (
            ("truncated", counters.TRUNCATED, "DNS answers that said to ask by TCP."),
            (
                "unanswered",
                counters.UNANSWERED,
                "Packets that got no answer because they are not questions.",
            ),
        ):
            yield from _family(
                f"zoneproof_dns_{name}_total",
                "counter",
                text,
                [
                    ({"transport": transport}, totals.get((transport, cell), 0))
                    for transport in ("tcp", "udp")
                ],
            )
        yield from _family(
            "zoneproof_dns_worker_restarts_total",
            "counter",
            "DNS workers that ended unexpectedly and were restarted.",
            [({}, self._pool.restarts)],
        )

    def _rest(self) -> Iterator[str]:
        yield from _family(
            "zoneproof_api_requests_total",
            "counter",
            "HTTP requests answered; updates are those to the endpoint update.",
            (
                ({"endpoint": endpoint, "method": method, "status": status}, count)
                for (endpoint, method, status), count in sorted(self.requests.items())
            ),
        )
        registrations, values = self._rows
        yield from _family(
            "zoneproof_registrations", "gauge", "Registrations.", [({}, registrations)]
        )
        yield from _family(
            "zoneproof_live_values", "gauge", "TXT values that are answered.", [({}, values)]
        )
        yield from _histograms(
            "zoneproof_storage_seconds",
            "How long the API waited for the database, by kind of transaction.",
            self.storage,
        )
        yield from _family(
            "zoneproof_certificate_renewals_total",
            "counter",
            "Attempts to obtain the API's certificate (tls = auto).",
            (({"result": result}, count) for result, count in sorted(self.renewals.items())),
        )
        if self.node is not None:
            yield from _family(
                "zoneproof_node_holds_lease",
                "gauge",
                "1 if this node holds a lease, 0 if it must not be asked.",
                [({}, int(self.node.holds_lease))],
            )
            yield from _family(
                "zoneproof_node_seconds_behind",
                "gauge",
                "How long ago this node's replica was last known to be current.",
                [({}, round(self.node.seconds_behind, 3))],
            )
        yield from self._of_secondaries(self.secondaries())
        if self.certificate_expires_at is not None:
            yield from _family(
                "zoneproof_certificate_expiry_timestamp_seconds",
                "gauge",
                "When the API's certificate expires; 0 while it is untrusted.",
                [({}, self.certificate_expires_at)],
            )

    @staticmethod
    def _of_secondaries(statuses: Sequence[SecondaryStatus]) -> Iterator[str]:
        if not statuses:
            return
        yield from _family(
            "zoneproof_secondary_is_live",
            "gauge",
            "1 if changes wait for this secondary, 0 if it is left out because it is late.",
            (({"secondary": each.name}, int(each.is_live)) for each in statuses),
        )
        yield from _family(
            "zoneproof_secondary_seconds_late",
            "gauge",
            "For how long this secondary lacks a change, or an answer.",
            (({"secondary": each.name}, round(each.seconds_late, 3)) for each in statuses),
        )
        yield from _family(
            "zoneproof_secondary_transfers_total",
            "counter",
            "Zone transfers to this secondary: of the whole zone (AXFR), or of differences (IXFR).",
            (
                ({"secondary": each.name, "kind": kind}, count)
                for each in statuses
                for kind, count in (
                    ("AXFR", each.whole_transfers),
                    ("IXFR", each.incremental_transfers),
                )
            ),
        )
        yield from _family(
            "zoneproof_secondary_notifies_total",
            "counter",
            "NOTIFY messages sent to this secondary.",
            (({"secondary": each.name}, each.notices) for each in statuses),
        )


def _number(tx: Transaction, sql: str, *parameters: int) -> int:
    count = tx.query(sql, parameters)[0][0]
    assert isinstance(count, int)
    return count


def _family(
    name: str, kind: str, text: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield f"{name}{_braces(labels)} {value}"


def _histograms(name: str, text: str, histograms: Mapping[str, Histogram]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} histogram"
    for kind, histogram in histograms.items():
        labels = {"transaction": kind}
        bounds = [*map(str, _BUCKETS), "+Inf"]
        for bound, count in zip(bounds, itertools.accumulate(histogram.counts), strict=True):
            yield f"{name}_bucket{_braces({**labels, 'le': bound})} {count}"
        yield f"{name}_sum{_braces(labels)} {histogram.sum}"
        yield f"{name}_count{_braces(labels)} {sum(histogram.counts)}"


def _braces(labels: Mapping[str, str]) -> str:
    # No value needs escaping: all come from lists in this program, or are numbers.
    inner = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_log = logging.getLogger(__name__)


def make_metrics_app(metrics: Metrics, database: Database) -> ASGIApp:
    """Return an application that answers ``GET /metrics``."""

    async def page(request: Request) -> Response:  # noqa: ARG001
        try:
            return PlainTextResponse(await metrics.page(database), media_type=_TYPE)
        except StorageError as error:
            _log.error("no metrics: %s", error.message)
            return PlainTextResponse("the database cannot be read\n", 503)

    return Application([Route("/metrics", page, methods=["GET"])])
