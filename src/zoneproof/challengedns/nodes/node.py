"""A node: its replica, its lease and its place among the others, put together."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

import zoneproof
from zoneproof.challengedns.config import Config, NodeConfig
from zoneproof.challengedns.dns.lease import LeaseMemory
from zoneproof.challengedns.dns.zones import ZoneData
from zoneproof.challengedns.nodes.feed import Feed
from zoneproof.challengedns.nodes.follower import Follower, Identity
from zoneproof.challengedns.nodes.peers import PeerWatch, lead_elsewhere
from zoneproof.challengedns.nodes.replica import Peer, Replica
from zoneproof.challengedns.store import node_rows
from zoneproof.challengedns.store.node_rows import NodeRow
from zoneproof.challengedns.store.postgres_database import PostgresDatabase
from zoneproof.challengedns.store.value_time import machine_seconds
from zoneproof.core.errors import ConfigError, StorageError
from zoneproof.core.names import DomainName
from zoneproof.serving.sockets import Endpoint

_STILL_SECONDS = 2.5  # more than two renewals
_LOOK_SECONDS = 0.25
_SETTLE_SECONDS = 20.0
_ANSWER_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Node:
    """One of several nodes that share a database."""

    def __init__(
        self,
        config: Config,
        zones: Sequence[ZoneData],
        address: Endpoint,
        database: PostgresDatabase,
        *,
        is_sighted: Callable[[], bool],
    ) -> None:
        """``address`` is where DNS is answered, unless the configuration says it."""
        assert config.node is not None
        self._database = database
        self._default_address = address
        self.replica = Replica(config.database)
        self.memory = LeaseMemory()
        self.follower = Follower(
            database.server,
            self.replica,
            self.memory,
            database.observer,
            self._identity(config.node, zones),
            is_sighted=is_sighted,
        )
        self._watch = PeerWatch(self.memory, config.registration_zone, self._known)

    @property
    def holds_lease(self) -> bool:
        """Whether the others wait for this node."""
        return machine_seconds() < self.memory.lease_until

    @property
    def seconds_behind(self) -> float:
        """How long ago the replica was last known to be current."""
        return machine_seconds() - self.follower.current_at

    def prepare(self) -> None:
        """Make the replica ready to answer from, as far as the database can be reached. Blocks.

        Raises ConfigError where this node does not fit to the others, and StorageError where
        there is neither a database nor a replica.
        """
        try:
            self._database.migrate()
            with contextlib.closing(Feed(self._database.server)) as feed:
                self._check_others(feed)
                self.follower.catch_up(feed)
                self.follower.keep_value_time(feed)  # which the workers read once, at their start
        except StorageError as error:
            if self.follower.newest is None:
                raise
            _log.error("%s; this node answers from its replica as long as it may", error.message)

    def start(self) -> None:
        """Follow the others from now on, and try to take up a lease. Blocks."""
        self.follower.start()
        self._watch.start()
        self.follower.settled.wait(_SETTLE_SECONDS)

    def stop(self) -> None:
        """Give up the lease, and end. Blocks."""
        self.follower.stop()
        self._watch.stop()

    def require_same_answers(self, cnames: Mapping[DomainName, DomainName]) -> None:
        """Raise ConfigError if another node leads one of these names elsewhere. Blocks.

        A CA may ask any of them. One that does not answer is left to the CA. Raises StorageError
        where nobody knows the others, because this node is new and gets no lease.
        """
        if not self.follower.listed.wait(_SETTLE_SECONDS):
            self.follower.require_lease()
        for name, target in cnames.items():
            for peer in lead_elsewhere(self.follower.peers, name, target, _ANSWER_SECONDS):
                raise ConfigError(
                    f"node '{peer.name}' at {peer.address} has no CNAME from {name} to {target}:"
                    ' give all nodes tls = "auto" and the same API\'s name; names that only one'
                    " node has must be those of 'nameservers'"
                )

    async def close(self) -> None:
        """Release the replica."""
        await self.replica.close()
        self.memory.close()

    def use(self, config: Config, zones: Sequence[ZoneData]) -> None:
        """Tell the others of an address or zones that were changed; zones should be the same."""
        assert config.node is not None
        self.follower.identity = self._identity(config.node, zones)

    def _identity(self, node: NodeConfig, zones: Sequence[ZoneData]) -> Identity:
        address = node.address or self._default_address
        return Identity(node.name, str(address), zoneproof.__version__, digest(zones))

    def _known(self) -> tuple[int, Sequence[Peer]] | None:
        newest = self.follower.newest
        if newest is None or self.replica.has_left:
            return None
        return newest.generation, self.follower.peers

    def _check_others(self, feed: Feed) -> None:
        identity = self.follower.identity
        nodes = self._nodes(feed)
        require_same_zones(nodes, identity.name, identity.zones)
        mine = _named(nodes, identity.name)
        if mine is None or not mine.holds_lease:
            return
        # This node's last process may have been killed, or another has its name.
        end = time.monotonic() + _STILL_SECONDS
        while time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
            now = _named(self._nodes(feed), identity.name)
            if now is not None and now.renewal != mine.renewal:
                raise ConfigError(
                    f"a node at {now.address} has the name '{identity.name}': give this one another"
                    " 'node.name'"
                )

    @staticmethod
    def _nodes(feed: Feed) -> list[NodeRow]:
        with feed.statement() as tx:
            return node_rows.nodes(tx)


def _named(nodes: Sequence[NodeRow], name: str) -> NodeRow | None:
    return next((node for node in nodes if node.name == name), None)


def require_same_zones(nodes: Sequence[NodeRow], name: str, zones: str) -> None:
    """Raise ConfigError if another node than ``name`` serves zones with another digest."""
    for node in nodes:
        if node.name != name and node.holds_lease and node.zones != zones:
            raise ConfigError(
                f"node '{node.name}' serves other zones than this configuration: 'zones' must be"
                " the same at all nodes; change them everywhere, then reload each with SIGHUP"
            )


def digest(zones: Sequence[ZoneData]) -> str:
    """Return what tells these zones from others."""
    return hashlib.sha256(msgspec.msgpack.encode(list(zones))).hexdigest()[:16]
