"""Reads what stock acme-dns clients send: JSON of any content type, with keys in any case."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from zoneproof.challengedns.config import IPNetwork
from zoneproof.challengedns.store.authentication import IPAddress
from zoneproof.core.errors import RegistrationError
from zoneproof.core.toml import complaint

Fields = Mapping[str, msgspec.Raw]

_NULL = msgspec.Raw(b"null")
_MAX_BODY = 16 * 1024
_BODY_SECONDS = 10.0
_CLOSE = {"Connection": "close"}


async def read_body(request: Request) -> bytes:
    """Return the body. Raises HTTPException when it is longer than 16 KiB or too slow."""
    _check_length(int(request.headers.get("content-length", 0)))
    body = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                _check_length(len(body))
    except TimeoutError:
        raise HTTPException(408, "request_timeout", headers=_CLOSE) from None
    except ClientDisconnect:
        raise HTTPException(400, "malformed_json_payload") from None
    return body


def _check_length(length: int) -> None:
    if length > _MAX_BODY:
        raise HTTPException(413, "payload_too_large", headers=_CLOSE)


def read_fields(body: bytes) -> Fields:
    """Return a JSON object's members by lower-case key; their values are not looked at yet.

    Raises RegistrationError ``malformed_json_payload``.
    """
    members = decode(body, dict[str, msgspec.Raw] | None) or {}
    return {key.lower(): value for key, value in members.items()}


def text_field(fields: Fields, key: str) -> str:
    """Return a text; it is empty if it is missing or null. Raises RegistrationError."""
    text: str | None = decode(fields.get(key, _NULL), str | None)
    return text or ""


def texts_field(fields: Fields, key: str) -> list[str]:
    """Return a list of texts; it is empty if it is missing or null. Raises RegistrationError."""
    texts: list[str] | None = decode(fields.get(key, _NULL), list[str] | None)
    return texts or []


def decode(data: bytes | msgspec.Raw, into: Any) -> Any:
    """Return JSON as a type that msgspec knows. Raises RegistrationError."""
    try:
        return msgspec.json.decode(data, type=into)
    except msgspec.ValidationError as error:
        problem = complaint(error, into, table="an object")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem = str(error)
    except RecursionError:
        problem = "it is nested too deeply"
    raise RegistrationError(
        f"the body is not the JSON that is expected: {problem}", code="malformed_json_payload"
    )


def client_address(request: Request, trusted_proxies: Sequence[IPNetwork]) -> IPAddress:
    """Return where a request comes from.

    ``X-Forwarded-For`` counts only when a trusted proxy sent the request. It is read from the
    right, where each proxy adds whom it heard; the first that is no trusted proxy is the client.
    """
    assert request.client is not None
    address = read_address(request.client.host)
    assert address is not None
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    while hops and any(address in network for network in trusted_proxies):
        before = read_address(hops.pop())
        if before is None:
            break
        address = before
    return address


def read_address(text: str) -> IPAddress | None:
    """Return an IP address, with or without port, as proxies write it; None if it is none."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
