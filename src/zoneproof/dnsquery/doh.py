"""One question to a DNS-over-HTTPS server (RFC 8484)."""

from __future__ import annotations

import dns.message

from zoneproof.core.http import HttpClient, NoReplyError, Reply
from zoneproof.dnsquery.servers import DohServer
from zoneproof.dnsquery.wire import make_question, read_reply
from zoneproof.errors import DnsUnreachableError
from zoneproof.names import DomainName

LARGEST_REPLY = 65535  # bytes
_MEDIA_TYPE = "application/dns-message"
_HEADERS = {"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE}


async def exchange_https(
    client: HttpClient, server: DohServer, name: DomainName, rdtype: str, *, timeout: float
) -> dns.message.Message:
    """Ask once, within ``timeout`` seconds. Raises DnsUnreachableError, naming the server."""
    # RFC 8484 section 4.1: the same question is the same HTTP request, so that caches work.
    question = b"\0\0" + make_question(name, rdtype, recursive=True)[2:]
    try:
        reply = await client.exchange(
            "POST", server.url, content=question, headers=_HEADERS, seconds=timeout
        )
        problem = _not_dns(reply)
    except NoReplyError as error:
        problem = error.message
    if not problem:
        message = read_reply(reply.body, question)
        if message is not None:
            return message
        problem = "its body is no reply to the question"
    raise DnsUnreachableError(f"the DNS-over-HTTPS server {server} cannot be used: {problem}")


def _not_dns(reply: Reply) -> str:
    if reply.status != 200:
        return f"it answers HTTP {reply.status}"
    if reply.headers.get("content-type", "").partition(";")[0].strip() != _MEDIA_TYPE:
        return f"its answer is not {_MEDIA_TYPE}"
    return ""
