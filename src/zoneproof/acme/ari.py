"""When a CA wants its certificates renewed (RFC 9773). No I/O."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol

import msgspec
from cryptography import x509

from zoneproof.acme.keys import base64url
from zoneproof.acme.messages import decode, not_acme
from zoneproof.core.errors import AcmeError
from zoneproof.core.http import retry_at
from zoneproof.core.text import sanitize

ASK_AGAIN = timedelta(hours=6)  # when the CA does not say (section 4.3.3)
_SOONEST = timedelta(minutes=1)
_LATEST = timedelta(days=1)


class RenewalInfo(msgspec.Struct, frozen=True):
    """A CA's answer: renew between ``start`` and ``end``; ask again at ``ask_again_at``.

    ``explanation_url`` is a page for people that says why, or empty.
    """

    start: datetime
    end: datetime
    ask_again_at: datetime
    explanation_url: str = ""


class Uniform(Protocol):
    """What :class:`random.Random` offers, as far as it is needed here."""

    def uniform(self, a: float, b: float) -> float:
        """Return a number between ``a`` and ``b``."""


def cert_id(certificate: x509.Certificate) -> str:
    """Return the certificate's identifier for renewalInfo and ``replaces`` (section 4.1).

    Raises AcmeError for a certificate that has no authority key identifier.
    """
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        key_identifier = None
    else:
        key_identifier = extension.value.key_identifier
    if not key_identifier:
        raise AcmeError(
            "the certificate has no authority key identifier, so no CA can be asked when to renew"
            " it"
        )
    serial = certificate.serial_number
    content = serial.to_bytes(serial.bit_length() // 8 + 1)  # DER keeps room for the sign
    return f"{base64url(key_identifier)}.{base64url(content)}"


def choose_renewal_time(window: RenewalInfo, source: Uniform | None = None) -> datetime:
    """Return a uniformly random moment in the window (section 4.2).

    Keep it across restarts, and choose anew only when the window has moved.
    """
    source = source or random.SystemRandom()
    seconds = (window.end - window.start).total_seconds()
    return window.start + timedelta(seconds=source.uniform(0.0, seconds))


def is_renewal_due(chosen: datetime, *, now: datetime, next_wake: datetime) -> bool:
    """Tell whether to renew now: the moment is past, or comes before we would look again."""
    return chosen <= now or chosen < next_wake


_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _WireWindow(msgspec.Struct):
    start: _Moment
    end: _Moment


class _WireRenewalInfo(msgspec.Struct, rename={"explanation_url": "explanationURL"}):
    suggestedWindow: _WireWindow  # noqa: N815  the RFC's name
    explanation_url: str | None = None


def parse_renewal_info(
    body: bytes, url: str, headers: Mapping[str, str], now: datetime
) -> RenewalInfo:
    """Read the reply; Retry-After counts within one minute to one day.

    Raises AcmeConnectionError, also for a window that ends before it starts: that is not an answer.
    """
    wire = decode(body, _WireRenewalInfo, "renewal information", url)
    try:
        start = wire.suggestedWindow.start.astimezone(UTC)
        end = wire.suggestedWindow.end.astimezone(UTC)
    except OverflowError as error:
        raise not_acme("renewal information", url, "the window's dates are out of range") from error
    if end <= start:
        raise not_acme("renewal information", url, "the window ends before it starts")
    moment = retry_at(headers.get("Retry-After"), now) or now + ASK_AGAIN
    explanation = wire.explanation_url or ""
    return RenewalInfo(
        start=start,
        end=end,
        ask_again_at=min(max(moment, now + _SOONEST), now + _LATEST),
        explanation_url=sanitize(explanation, limit=2000)
        if explanation.startswith("https://")
        else "",
    )
