"""One HTTP exchange with a CA: bounded in size and time, never redirected."""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from zoneproof import __version__, moments
from zoneproof.acme.text import ca_at, shown
from zoneproof.acme.urls import check_url
from zoneproof.errors import AcmeConnectionError, ConfigError
from zoneproof.input_files import LARGEST_LIST, read_file

MAX_BODY = 1024 * 1024  # bytes; the largest honest reply is an order of 1,000 names
_CONNECT_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 30.0
_OF_ANOTHER_TIME = (9, 10)  # OpenSSL: X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_HEADERS = {
    "User-Agent": f"zoneproof/{__version__}",
    "Accept-Language": "en",
    # A compressed body could be a bomb, and nothing in ACME is worth compressing.
    "Accept-Encoding": "identity",
}
_log = logging.getLogger("zoneproof.acme")


@dataclass(frozen=True)
class Reply:
    """A reply of any status."""

    url: str
    status: int
    headers: httpx2.Headers
    body: bytes


class ConnectionLostError(AcmeConnectionError):
    """No reply came. ``unsent`` says that the CA cannot have seen the request."""

    def __init__(self, message: str, *, unsent: bool) -> None:
        super().__init__(message)
        self.unsent = unsent


class Http:
    """Keep-alive connections to a CA, whose TLS certificate is always verified.

    ``given_by`` is the directory URL of the CA whose URLs will be opened. ``ca_bundle`` is a PEM
    file of the only roots to trust; without it the system's, or ``$SSL_CERT_FILE``. As many
    connections are opened as exchanges run at once: the caller limits those.
    """

    def __init__(
        self,
        given_by: str,
        *,
        ca_bundle: Path | None,
        allow_http: bool,
        request_seconds: float,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._given_by = given_by
        self._allow_http = allow_http
        self._request_seconds = request_seconds
        self._transport = transport
        # A transport that is given brings its own trust.
        self._tls = _tls_context(ca_bundle) if transport is None else True
        self._idle: list[httpx2.AsyncClient] = []

    async def close(self) -> None:
        """Close all connections."""
        for client in self._idle:
            await client.aclose()
        self._idle.clear()

    def _new_client(self) -> httpx2.AsyncClient:
        # One client for each connection: for every request, a client looks at all of its idle
        # connections, which took a third of the time of an order with 100 names.
        return httpx2.AsyncClient(
            headers=_HEADERS,
            verify=self._tls,
            limits=httpx2.Limits(max_connections=1, keepalive_expiry=_KEEP_ALIVE_SECONDS),
            timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
            transport=self._transport,
        )

    async def exchange(
        self, method: str, url: str, *, content: bytes | None = None, content_type: str = ""
    ) -> Reply:
        """Send one request and read its reply.

        Raises ConnectionLostError when there is none, AcmeConnectionError for a URL that may not
        be opened, a certificate that is not trusted, and a reply that is too big.
        """
        check_url(url, allow_http=self._allow_http, given_by=self._given_by)
        headers = {"Content-Type": content_type} if content_type else None
        client = self._idle.pop() if self._idle else self._new_client()
        try:
            request = client.build_request(method, url, content=content, headers=headers)
            async with asyncio.timeout(self._request_seconds):
                reply = await self._send(client, request, url)
        except TimeoutError as error:
            raise ConnectionLostError(
                f"{ca_at(url)} did not answer within {self._request_seconds:g} s; try again later",
                unsent=False,
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            # UnicodeError: httpx2 looks at where a redirect leads even if it does not follow it.
            raise _lost(error, url) from error
        finally:
            self._idle.append(client)
        _log.debug("%s %s: %d", method, url, reply.status)
        return reply

    async def _send(self, client: httpx2.AsyncClient, request: httpx2.Request, url: str) -> Reply:
        response = await client.send(request, stream=True)
        try:
            encoding = response.headers.get("Content-Encoding", "identity")
            if encoding.lower() != "identity":
                raise AcmeConnectionError(
                    f"{ca_at(url)} sent a compressed reply, which it was not asked for"
                )
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > MAX_BODY:
                    raise AcmeConnectionError(
                        f"{ca_at(url)} sent a reply of more than {MAX_BODY} bytes; not reading it"
                    )
        finally:
            await response.aclose()
        return Reply(url, response.status_code, response.headers, bytes(body))


def _tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    if ca_bundle is None:
        return httpx2.create_ssl_context()
    try:
        read_file(ca_bundle, LARGEST_LIST)  # OpenSSL would wait for a pipe, and read without end
        return ssl.create_default_context(cafile=ca_bundle)
    except OSError as error:  # SSLError is one, too
        raise ConfigError(
            f"the CA bundle {ca_bundle} cannot be used: {shown(error.strerror or str(error), 200)}"
        ) from error


def _lost(error: Exception, url: str) -> AcmeConnectionError:
    cause: BaseException | None = error
    reason = shown(str(error), 200) or type(error).__name__
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            advice = "for a test CA, give its root as the CA bundle"
            if cause.verify_code in _OF_ANOTHER_TIME:
                advice = f"is it {moments.at(datetime.now(UTC))}? If not, set this machine's clock"
            return AcmeConnectionError(
                f"the TLS certificate of {ca_at(url)} is not trusted ({cause.verify_message});"
                f" {advice}"
            )
        if isinstance(cause, OSError) and cause.strerror:
            reason = shown(cause.strerror, 200)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        return ConnectionLostError(
            f"{ca_at(url)} cannot be reached: {reason}; check its URL and this machine's network,"
            " or try again later",
            unsent=True,
        )
    return ConnectionLostError(
        f"the connection to {ca_at(url)} was lost before it answered:"
        f" {reason.removesuffix('.')}; try again later",
        unsent=False,
    )
