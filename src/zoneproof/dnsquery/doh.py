"""One question to a DNS-over-HTTPS server (RFC 8484)."""

from __future__ import annotations

import asyncio

import dns.message
import httpx2

from zoneproof.dnsquery.servers import DohServer
from zoneproof.dnsquery.wire import make_question, read_reply
from zoneproof.errors import DnsUnreachableError
from zoneproof.names import DomainName

_MEDIA_TYPE = "application/dns-message"
_MAX_BODY = 65535
_LONGEST_REASON = 200  # characters


async def exchange_https(
    client: httpx2.AsyncClient, server: DohServer, name: DomainName, rdtype: str, *, timeout: float
) -> dns.message.Message:
    """Ask once, within ``timeout`` seconds. Raises DnsUnreachableError, naming the server."""
    # RFC 8484 section 4.1: the same question is the same HTTP request, so that caches work.
    question = b"\0\0" + make_question(name, rdtype, recursive=True)[2:]
    try:
        async with asyncio.timeout(timeout):
            body = await _post(client, server.url, question)
    except TimeoutError:
        problem = "no answer in time"
    except httpx2.HTTPError as error:
        problem = str(error)[:_LONGEST_REASON] or type(error).__name__
    except _NotDnsError as error:
        problem = str(error)
    else:
        message = read_reply(body, question)
        if message is not None:
            return message
        problem = "its body is no reply to the question"
    raise DnsUnreachableError(f"the DNS-over-HTTPS server {server} cannot be used: {problem}")


class _NotDnsError(Exception):
    """The HTTP answer holds no DNS message."""


async def _post(client: httpx2.AsyncClient, url: str, wire: bytes) -> bytes:
    headers = {
        "content-type": _MEDIA_TYPE,
        "accept": _MEDIA_TYPE,
        "accept-encoding": "identity",  # because what is compressed could be a bomb
    }
    async with client.stream("POST", url, content=wire, headers=headers) as response:
        if response.status_code != 200:
            raise _NotDnsError(f"it answers HTTP {response.status_code}")
        if response.headers.get("content-type", "").partition(";")[0].strip() != _MEDIA_TYPE:
            raise _NotDnsError(f"its answer is not {_MEDIA_TYPE}")
        body = b""
        async for part in response.aiter_raw():
            body += part
            if len(body) > _MAX_BODY:
                raise _NotDnsError("its answer is longer than any DNS message")
        return body
