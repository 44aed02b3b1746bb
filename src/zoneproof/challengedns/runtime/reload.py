"""What a running service takes up from a changed configuration, and what waits for a restart."""

from __future__ import annotations

import logging
from dataclasses import replace

from zoneproof.challengedns.config import Config

_log = logging.getLogger(__name__)


def changeable(old: Config, new: Config) -> Config:
    """Return the new configuration, with the old one's where that needs a restart."""
    kept = replace(
        new,
        database=old.database,
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
    )
    if kept != new:
        _log.warning(
            "addresses, workers, API connections, user, database and the API's TLS settings change "
            "only at a restart"
        )
    return kept
