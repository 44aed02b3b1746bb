"""Pebble's management interface: what a test asks of the CA, and tells it to say."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from zoneproof.testing.pebble import Pebble


def management(pebble: Pebble, path: str, body: Any = None) -> bytes:
    """Pebble's answer at its management interface."""
    context = ssl.create_default_context(cafile=pebble.ca_bundle)
    request = urllib.request.Request(
        f"{pebble.management_url}/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"User-Agent": "tests"},
    )
    with urllib.request.urlopen(request, context=context, timeout=10) as reply:
        content: bytes = reply.read()
    return content


def set_renewal_info(
    pebble: Pebble, certificate_pem: bytes, document: Mapping[str, Any] | str
) -> None:
    """From now on Pebble answers with the document when it is asked when to renew the certificate.

    ``certificate_pem`` is the leaf of one that this Pebble issued. A document given as text is
    answered as it is, so that it can be broken; see :func:`renewal_window` for a good one. Pebble
    goes on answering Retry-After: 21600.
    """
    text = document if isinstance(document, str) else json.dumps(document)
    body = {"Certificate": certificate_pem.decode(), "ARIResponse": text}
    management(pebble, "set-renewal-info/", body)


def renewal_window(start: datetime, end: datetime, explanation_url: str = "") -> dict[str, Any]:
    """Return the document of RFC 9773 section 4.2 for a window between two moments with a zone."""
    window = {"start": start.isoformat(), "end": end.isoformat()}
    explanation = {"explanationURL": explanation_url} if explanation_url else {}
    return {"suggestedWindow": window, **explanation}
