"""The certificate that the API shows: from files, or obtained and renewed while it serves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from cryptography import x509

from zoneproof.challengedns.api.certificate import (
    CertificateSource,
    configured_key_pair,
    validity_remark,
)
from zoneproof.challengedns.config import ApiConfig
from zoneproof.challengedns.runtime.metrics import Metrics
from zoneproof.core.errors import ZoneproofError, ungrouped
from zoneproof.serving.certificate import KeyPair
from zoneproof.serving.server import HttpServer

_REMIND_SECONDS = 86400.0

_log = logging.getLogger(__name__)


class ServedCertificate:
    """What clients of the API get; ``source`` obtains it, and is None where files are named."""

    def __init__(self, api: ApiConfig, source: CertificateSource | None, metrics: Metrics) -> None:
        self.api = api
        self._source = source
        self._metrics = metrics
        self._shown: tuple[KeyPair, x509.Certificate | None] | None = None

    def key_pair(self) -> KeyPair | None:
        """Return the files of the certificate; None if the API has none."""
        return self._source.key_pair() if self._source else configured_key_pair(self.api)

    @property
    def is_trusted(self) -> bool:
        """Whether clients can trust it, as far as is known; so they do where there is none."""
        expires_at = self._metrics.certificate_expires_at
        return expires_at is None or expires_at > time.time()

    async def prepare(self) -> None:
        """Repair what there is; DNS must answer whatever is in that folder."""
        if self._source is None:
            return
        try:
            with ungrouped():
                await self._source.prepare()
        except Exception as error:  # noqa: BLE001
            _log.error("the API's certificate is not ready: %s", _said(error))

    def tell_expiry(self) -> None:
        """Let the metrics tell when it expires."""
        pair = self.key_pair()
        self._metrics.certificate_expires_at = pair.expires_at() if pair else None
        # What the API shows: the files may be others by tomorrow.
        self._shown = (pair, None if pair.is_self_signed else pair.leaf()) if pair else None

    async def remind(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Warn once a day, until cancelled."""
        while True:
            await sleep(_REMIND_SECONDS)
            self.warn()

    def warn(self) -> None:
        """Let the log tell if clients refuse what is shown, or soon will."""
        if self._shown is None:
            return
        pair, leaf = self._shown
        if leaf is None:
            _log.warning("the API has no trusted certificate yet: clients get an untrusted one")
        elif remark := validity_remark(leaf, datetime.now(UTC)):
            advice = "the service renews it" if self._source else "replace it, then reload"
            _log.warning("the API's certificate %s %s: %s", pair.certificate, remark, advice)

    def reload(self, server: HttpServer) -> None:
        """Let a server show what the files hold now."""
        pair = self.key_pair()
        if pair is None:
            return
        try:
            server.use_certificate(pair)
            self.tell_expiry()
        except ZoneproofError as error:
            _log.error("the API keeps its old certificate: %s", error.message)

    async def keep(self, server: HttpServer, require_orderable: Callable[[], None]) -> None:
        """Obtain and renew it for a server until cancelled.

        ``require_orderable`` raises ZoneproofError, in a thread, where a CA would refuse.
        """
        source = self._source
        if source is None:
            return
        while True:
            try:
                with ungrouped():
                    await source.prepare()
                    await asyncio.to_thread(require_orderable)
                    if self._metrics.certificate_expires_at == 0.0:
                        self.reload(server)  # what was repaired may be usable now
                    is_new = await source.renew_if_due()
                if is_new:
                    server.use_certificate(source.key_pair())
                    self.tell_expiry()
                    self._metrics.renewals["success"] += 1
                    _log.info("the API has a new certificate")
            except Exception as error:  # noqa: BLE001  a bug must not end the renewals for good
                self._metrics.renewals["failure"] += 1
                _log.error(
                    "no certificate for the API: %s; trying again in %d s",
                    _said(error),
                    source.look_again_after(),
                )
            await asyncio.sleep(source.look_again_after())


def _said(error: Exception) -> str:
    if isinstance(error, ZoneproofError):
        return " ".join([error.message, *error.records])
    return f"a bug in Zoneproof: {type(error).__name__}: {error}"
