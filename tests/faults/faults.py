"""What goes wrong between a client and a CA, each a Fault of the proxy."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.support.ca_proxy import Fault, Forward, Reply

_ACME = "urn:ietf:params:acme:error:"
NOTHING: Mapping[str, str] = {}
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Oops</h1></body></html>"


def lost_before(forward: Forward) -> Reply | None:
    """Drop the connection; the CA never sees the request."""
    return None


def lost_after(forward: Forward) -> Reply | None:
    """Drop the connection after the CA has done what it was asked."""
    forward()
    return None


def cut(forward: Forward) -> Reply | None:
    """Send half of the reply to what the CA has done, and close."""
    reply = forward()
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def slow(forward: Forward) -> Reply | None:
    """Take half a second."""
    time.sleep(0.5)
    return forward()


def html_page(status: int) -> Fault:
    """A gateway's page instead of the CA's reply."""
    return says(status, _HTML, {"Content-Type": "text/html; charset=utf-8"})


def problem(status: int, kind: str, detail: str, headers: Mapping[str, str] = NOTHING) -> Fault:
    """Answer with a problem document (RFC 8555 section 6.7)."""
    document = {"type": _ACME + kind, "detail": detail, "status": status}
    return json_problem(status, document, headers)


def json_problem(
    status: int, document: Mapping[str, Any], headers: Mapping[str, str] = NOTHING
) -> Fault:
    """Answer with a problem document that is given whole."""
    kind = {"Content-Type": "application/problem+json"}
    return says(status, json.dumps(document).encode(), {**kind, **headers})


def says(status: int, body: bytes = b"", headers: Mapping[str, str] = NOTHING) -> Fault:
    """Answer in the CA's place."""
    reply = Reply(status, headers, b"").with_body(body)
    return lambda forward: reply


def limited_until(forward: Forward) -> Reply | None:
    """Limit requests until a moment, given as an HTTP date, that is no second away."""
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    return problem(429, "rateLimited", "too many", {"Retry-After": moment})(forward)


def changed(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    """Change the JSON of the CA's reply."""

    def fault(forward: Forward) -> Reply | None:
        reply = forward()
        return reply.with_body(json.dumps(change(reply.json)).encode())

    return fault


def garbled(forward: Forward) -> Reply | None:
    """Replace what the CA says by what is not JSON and no certificate."""
    return forward().with_body(b"\x00\xff{]")


def bad_nonce(forward: Forward) -> Reply | None:
    """Refuse the nonce, and hand out one that the CA will refuse as well."""
    nonce = {"Replay-Nonce": "no-nonce-of-this-CA"}
    return problem(400, "badNonce", "JWS has an invalid anti-replay nonce", nonce)(forward)


def order_says(status: str, instead: str, times: int, **more: Any) -> Fault:
    """Let the first so many orders of one status have another, and more fields."""
    left = iter(range(times))

    def change(order: dict[str, Any]) -> dict[str, Any]:
        if order["status"] != status or next(left, None) is None:
            return order
        kept = {name: value for name, value in order.items() if name != "certificate"}
        return {**kept, "status": instead, **more}

    return changed(change)
