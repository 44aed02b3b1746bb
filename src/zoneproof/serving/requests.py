"""What a request says: its body within bounds, its JSON, its query, and where it comes from."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from cryptography import x509
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from zoneproof.core.toml import complaint
from zoneproof.serving.connection import CLIENT_CERTIFICATE, WHOLE
from zoneproof.serving.limits import IPAddress, IPNetwork, read_address
from zoneproof.serving.responses import HttpError

Q = TypeVar("Q", bound=msgspec.Struct)

MAX_BODY = 16 * 1024
_BODY_SECONDS = 10.0
_CLOSE = {"Connection": "close"}


async def read_body(request: Request, most: int = MAX_BODY) -> bytes:
    """Return the body. Raises HttpError when it has more than ``most`` bytes, or is too slow."""
    _check_length(int(request.headers.get("content-length", 0)), most)
    if request.scope["state"].pop(WHOLE, False):  # whoever reads it again has a deadline
        return await _collect(request, most)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await _collect(request, most)
    except TimeoutError:
        raise HttpError(
            408, "request_timeout", "the body took too long to arrive", _CLOSE
        ) from None


async def _collect(request: Request, most: int) -> bytes:
    body = b""
    is_whole = False
    while not is_whole:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise HttpError(400, "malformed_json_payload", "the body is incomplete")
        body += message.get("body", b"")
        _check_length(len(body), most)
        is_whole = not message.get("more_body", False)
    return body


def _check_length(length: int, most: int) -> None:
    if length > most:
        told = f"the body is longer than {most // 1024} KiB"
        raise HttpError(413, "payload_too_large", told, _CLOSE)


_decoder = functools.cache(msgspec.json.Decoder)


def decode(data: bytes | msgspec.Raw, into: Any, key: str = "") -> Any:
    """Return JSON, which stands at ``key`` in a body or is all of it, as a type of msgspec's.

    Raises HttpError ``malformed_json_payload``.
    """
    if not bytes(data).strip():
        raise HttpError(400, "malformed_json_payload", "the body is empty: it must be JSON")
    try:
        return _decoder(into).decode(data)
    except msgspec.ValidationError as error:
        problem = complaint(error, into, table="an object", key=key)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem = str(error)
    except RecursionError:
        problem = "it is nested too deeply"
    raise HttpError(
        400,
        "malformed_json_payload",
        f"the body is not the expected JSON: {problem}",
    )


def read_query(request: Request, into: type[Q]) -> Q:
    """Return the URL's query as a Struct. Raises HttpError ``invalid_query``."""
    try:
        return msgspec.convert(dict(request.query_params), into, strict=False)
    except msgspec.ValidationError as error:
        raise HttpError(
            400, "invalid_query", f"the query of the URL cannot be used: {complaint(error, into)}"
        ) from error


def client_certificate(request: Request) -> x509.Certificate | None:
    """Return the certificate that the client has shown, of a CA that the server believes."""
    shown = getattr(request.state, CLIENT_CERTIFICATE, None)
    return x509.load_der_x509_certificate(shown) if shown else None


def client_address(scope: Scope, trusted_proxies: Sequence[IPNetwork]) -> IPAddress:
    """Return where a request comes from.

    ``X-Forwarded-For`` counts only when a trusted proxy sent the request. It is read from the
    right, where each proxy adds whom it heard; the first that is not a trusted proxy is the client.
    """
    address = read_address(scope["client"][0])
    assert address is not None
    if not trusted_proxies:
        return address
    hops = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
    while hops and any(address in network for network in trusted_proxies):
        before = read_address(hops.pop())
        if before is None:
            break
        address = before
    return address
