"""When a running service reads its configuration again, and what of it waits for a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from zoneproof.challengedns.config import Config, NodeConfig
from zoneproof.core.files import stamp

_LOOK_SECONDS = 5.0
_log = logging.getLogger(__name__)


def changeable(old: Config, new: Config) -> Config:
    """Return the new configuration, with the old one's where that needs a restart."""
    kept = replace(
        new,
        database=old.database,
        postgres=old.postgres,
        metrics=old.metrics,
        user=old.user,
        dns=replace(new.dns, listen=old.dns.listen, workers=old.dns.workers),
        api=replace(
            new.api,
            listen=old.api.listen,
            certificate=old.api.certificate,
            key=old.api.key,
            auto=old.api.auto,
            connections=old.api.connections,
        ),
        node=_same_node(old.node, new.node),
    )
    if kept != new:
        _log.warning(
            "addresses, workers, API connections, user, the node's name, database and the API's TLS"
            " settings change only at a restart"
        )
    return kept


def _same_node(old: NodeConfig | None, new: NodeConfig | None) -> NodeConfig | None:
    return old if old is None or new is None else replace(old, address=new.address)


class WatchedFiles:
    """The file of a configuration that was just read, of its certificate and its secrets."""

    def __init__(self, config: Config) -> None:
        secrets = [each.secret_file for each in config.secondaries]
        named = filter(None, (config.api.certificate, config.api.key, *secrets))
        self._files = [config.path, *named]
        self._seen = self._stamps()

    async def watch(
        self,
        on_change: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Call ``on_change`` each time that one of them has changed, until cancelled."""
        while True:
            await sleep(_LOOK_SECONDS)
            now = self._stamps()
            if now != self._seen:
                self._seen = now
                on_change()

    def _stamps(self) -> list[object]:
        return [stamp(file) for file in self._files]
