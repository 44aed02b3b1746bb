"""Keeps a node's replica current and its lease renewed: one thread, and one connection."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zoneproof.challengedns.dns.lease import LeaseMemory
from zoneproof.challengedns.nodes.feed import Feed, OtherHistoryError, TooFarBehindError
from zoneproof.challengedns.nodes.replica import Change, Peer, Replica
from zoneproof.challengedns.store import node_rows
from zoneproof.challengedns.store.barrier import LEASE, LeaseObserver
from zoneproof.challengedns.store.node_rows import NodeRow
from zoneproof.challengedns.store.value_time import ValueClock, machine_seconds
from zoneproof.core.errors import StorageError
from zoneproof.core.waiting import readable
from zoneproof.storage.postgres import PostgresServer

_LOOK_SECONDS = 0.1
_RENEW_SECONDS = 1.0
_RETRY_SECONDS = 0.3
_UPKEEP_RENEWALS = 60

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """Who a node is: ``zones`` is a digest of what it serves."""

    name: str
    address: str
    version: str
    zones: str


class Follower:
    """The thread. ``is_sighted`` tells whether the DNS workers can read the replica."""

    def __init__(
        self,
        server: PostgresServer,
        replica: Replica,
        memory: LeaseMemory,
        observer: LeaseObserver,
        identity: Identity,
        *,
        is_sighted: Callable[[], bool],
    ) -> None:
        self.identity = identity
        self.newest: Change | None = replica.newest()
        self.peers: Sequence[Peer] = replica.peers()
        self.current_at = 0.0
        """When the replica was last known to be current, by the machine's seconds."""
        self._server = server
        self._replica = replica
        self._memory = memory
        self._observer = observer
        self._is_sighted = is_sighted
        self._value_clock = ValueClock()
        self._acknowledged: Change | None = None
        self._renewal = 0
        self._renewed_at = 0.0
        self._renewals = 0
        self._newcomer: dict[str, int] | None = None
        self._zones_differ_at: set[str] = set()
        self._said = ""
        self._had_lease = False
        self._closing = False
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._run, name="zoneproof-follower", daemon=True)
        self.settled = threading.Event()
        """Set once the first attempt to take up a lease has come to an end."""
        self.listed = threading.Event()
        """Set once it is known who the other nodes are, and at the end."""
        if self.peers:
            self.listed.set()

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and give up the lease: first no worker answers, then nobody waits for it."""
        self._memory.suspend()
        self._closing = True
        self.listed.set()
        os.write(self._waker, b"\0")
        self._thread.join()
        self._memory.suspend()  # it may have renewed the lease meanwhile
        self._replica.note_leaving()
        try:
            feed = Feed(self._server)
        except StorageError as error:
            _log.warning("the others wait until the lease ends: %s", error.message)
            self._replica.note_staying()
        else:
            # If this fails it may have been done all the same, and the note is right.
            with (
                contextlib.suppress(StorageError),
                contextlib.closing(feed),
                feed.transaction(durable=True) as tx,
            ):
                node_rows.leave(tx, self.identity.name)
        os.close(self._wake)
        os.close(self._waker)

    def require_lease(self) -> None:
        """Raise StorageError while this node has no lease."""
        if machine_seconds() >= self._memory.lease_until:
            why = f" ({self._said})" if self._said else ""
            raise StorageError(f"node '{self.identity.name}' holds no lease now{why}: ask another")

    # --- the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            try:
                with contextlib.closing(Feed(self._server)) as feed:
                    self._acknowledged = None  # it may have been lost with the server
                    while not self._closing:
                        self._turn(feed)
                        self._sleep(feed)
            except StorageError as error:
                self._say(error.message)
                self._tell_lease()
                self.settled.set()
                self._sleep(None)
            except Exception:  # noqa: BLE001
                # A bug must not end the lease, and with it all updates, for good.
                _log.exception("following the shared database failed")
                self._sleep(None)

    def _turn(self, feed: Feed) -> None:
        self.catch_up(feed)
        if machine_seconds() - self._renewed_at >= _RENEW_SECONDS:
            self._renewed_at = machine_seconds()
            if self._may_renew(feed):
                self._renew(feed)
            self._tell_lease()
            self.settled.set()

    def catch_up(self, feed: Feed) -> None:
        """Take over what has changed, and acknowledge it. Raises StorageError."""
        before = machine_seconds()
        self._catch_up(feed)
        self.current_at = before

    def _catch_up(self, feed: Feed) -> None:
        try:
            if self.newest is None:
                self._read_everything(feed)
            else:
                news = feed.since(self.newest)
                if news.changes:
                    self._replica.apply(news.changes, news.states)
                    self.newest = news.changes[-1]
            self._acknowledge(feed)
        except TooFarBehindError:
            _log.warning("the replica is too far behind: reading everything")
            self._read_everything(feed)
            self._acknowledge(feed)
        except OtherHistoryError:
            _log.error(
                "%s has lost changes that were answered here: it failed over to a server that"
                " lagged behind, or was restored from a backup; making the replica anew",
                self._server.name,
            )
            self._memory.suspend()
            self._renewal = 0  # this node may not be in the list, or have another number there
            self._renewals = 0
            self._read_everything(feed)

    def _read_everything(self, feed: Feed) -> None:
        known = self.newest.generation if self.newest else 0
        with feed.statement() as tx:
            latest = node_rows.latest_change(tx)
        # Workers and secondaries only ever go to higher numbers.
        if latest <= known or not latest:
            feed.begin_generation(max(known + 1, int(self._value_clock.time_of_day())))
        with feed.everything() as (newest, registrations, values):
            self._replica.replace(newest, registrations, values)
        self.newest = newest
        self._acknowledged = None

    def _acknowledge(self, feed: Feed) -> None:
        newest = self.newest
        if newest is None or newest == self._acknowledged or not self._renewal:
            return
        with feed.statement() as tx:
            if node_rows.acknowledge(tx, self.identity.name, newest.generation, newest.stamp):
                self._acknowledged = newest

    def _may_renew(self, feed: Feed) -> bool:
        if not self._is_sighted():
            self._say("a DNS worker cannot read the replica")
            return False
        if self._renewal and self._newcomer is None:
            return True
        with feed.statement() as tx:
            nodes = node_rows.nodes(tx)
        mine = next((node for node in nodes if node.name == self.identity.name), None)
        if mine is not None and mine.is_member:
            self._renewal = mine.renewal
            self._newcomer = None
            return True
        if mine is None:
            self._enter(feed)
            return False  # the others are to be counted from after that
        others = [node for node in nodes if node.is_member and node.name != self.identity.name]
        return self._is_known_to(feed, others)

    def _enter(self, feed: Feed) -> None:
        """Put this node into the list, in which it has no lease yet and which others read."""
        self._withdraw()
        identity = self.identity
        with feed.transaction(durable=True) as tx:
            node_rows.add(tx, identity.name, identity.address, identity.version, identity.zones)
        self._newcomer = {}
        self._renewed_at = 0.0

    def _withdraw(self) -> None:
        """Answer no more: the others neither wait for this node nor mind what it says."""
        if self._renewal:
            self._say("it was removed from the list of nodes")
        self._memory.suspend()
        self._replica.note_leaving()
        self._renewal = 0

    def _is_known_to(self, feed: Feed, others: Sequence[NodeRow]) -> bool:
        """Tell whether every other node has read the list with this new node in it."""
        seen = self._newcomer = self._newcomer or {}
        self._mark_ended(feed, others)
        for node in others:
            if node.may_answer:
                self._say(
                    f"node '{node.name}' is down, and must know of a new node: start it, or run"
                    f" 'zoneproof challenge node remove {node.name}'"
                )
                return False
        # Two renewals: after the first of them the list was read for sure.
        known = [
            node.has_left or node.renewal >= seen.setdefault(node.name, node.renewal) + 2
            for node in others
        ]
        return all(known)

    def _mark_ended(self, feed: Feed, nodes: Sequence[NodeRow]) -> None:
        ended = self._observer.ended(nodes)
        with feed.statement() as tx:
            for node in ended:
                if node.name != self.identity.name:
                    _log.warning("node '%s' has lost its lease", node.name)
                    node_rows.mark_lost(tx, node)

    def _renew(self, feed: Feed) -> None:
        identity = self.identity
        before = machine_seconds()
        is_taken_up = before >= self._memory.lease_until
        with feed.transaction(durable=is_taken_up) as tx:
            renewal = node_rows.renew(
                tx, identity.name, identity.address, identity.version, identity.zones
            )
        if renewal is None:
            self._withdraw()
            return
        # A lower number is one of before a crash of the server, which need not keep them all.
        if renewal > self._renewal + 1 and self._renewals:
            self._say(f"another process uses the name '{identity.name}': give each node its own")
            self._memory.suspend()
            self._renewal = renewal
            return
        self._renewal = renewal
        self._newcomer = None
        with feed.statement() as tx:
            nodes = node_rows.nodes(tx)
        self._set_peers(nodes)
        if is_taken_up:
            # What was committed before the renewal may have been acknowledged without this node.
            self._acknowledged = None
            self.catch_up(feed)
        self._memory.extend_lease(before + LEASE)
        if is_taken_up:
            self._replica.note_staying()
        self._mark_ended(feed, nodes)
        self._compare_zones(nodes)
        if self._renewals % _UPKEEP_RENEWALS == 0:
            self.keep_value_time(feed)
            self._replica.sweep()
        self._renewals += 1

    def keep_value_time(self, feed: Feed) -> None:
        """Continue the time by which values expire, here and in the database."""
        self._replica.keep_value_time(feed.value_time(self._value_clock))

    def _set_peers(self, nodes: Sequence[NodeRow]) -> None:
        peers = [Peer(node.name, node.address) for node in nodes if node.name != self.identity.name]
        if peers != self.peers:
            self._replica.set_peers(peers)
            self.peers = peers
        self.listed.set()

    def _compare_zones(self, nodes: Sequence[NodeRow]) -> None:
        others = {
            node.name for node in nodes if node.holds_lease and node.zones != self.identity.zones
        }
        if others != self._zones_differ_at and others:
            _log.warning(
                "nodes that serve other zones than this one: %s; give all of them the same zones"
                " and reload them",
                ", ".join(sorted(others)),
            )
        self._zones_differ_at = others

    def _say(self, text: str) -> None:
        if text != self._said:
            _log.error("%s", text)
        self._said = text

    def _tell_lease(self) -> None:
        has_lease = machine_seconds() < self._memory.lease_until
        if has_lease != self._had_lease:
            if has_lease:
                self._said = ""
                _log.info("node '%s' holds a lease", self.identity.name)
            else:
                _log.warning("node '%s' has lost its lease", self.identity.name)
        self._had_lease = has_lease

    def _sleep(self, feed: Feed | None) -> None:
        """Wait for a notice or the end, until the next look is due."""
        if feed is not None and feed.has_heard():
            return
        files = [self._wake, *([feed.connection.fileno()] if feed is not None else [])]
        readable(files, _RETRY_SECONDS if feed is None else _LOOK_SECONDS)
