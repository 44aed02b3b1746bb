"""One HTTP client: deadlines, bounded bodies, retries, and why there was no reply.

What a status means, and how an error names the server, is the caller's business.
"""

from __future__ import annotations

import asyncio
import base64
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpcore2
import httpx2
import msgspec

from zoneproof import __version__
from zoneproof.core import times
from zoneproof.core.connections import Connect, HttpConnections
from zoneproof.core.errors import ConfigError, ZoneproofError
from zoneproof.core.files import LARGEST_LIST, absolute_path, read_file
from zoneproof.core.text import sanitize

ATTEMPTS = 4
LONGEST_WAIT = 60.0  # seconds; who asks for more gets an error instead
MAX_BODY = 4 * 1024 * 1024  # bytes
WEB_PAGE = "a web page"
_MOST_OVERDUE = 2
_FIRST_PAUSE = 0.5  # seconds, doubled after each attempt
_CONNECT_SECONDS = 10.0
_LONGEST_RETRY = timedelta(days=366)
_NOT_SENT = (httpcore2.ConnectError, httpcore2.ConnectTimeout, httpcore2.ProxyError)
_FAILURES = (
    *(httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.ProxyError),
    *(httpcore2.TimeoutException, httpx2.InvalidURL, UnicodeError, TimeoutError),
)
_OF_ANOTHER_TIME = (9, 10)  # OpenSSL: X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_HEADERS = {
    "Accept": "*/*",
    "Connection": "keep-alive",
    "User-Agent": f"zoneproof/{__version__}",
    "Accept-Language": "en",
    "Accept-Encoding": "identity",  # because what is compressed could be a bomb
}
_JITTER = random.SystemRandom()

Now = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]


class Reply(msgspec.Struct, frozen=True):
    """A reply of any status; redirects are never followed."""

    url: str
    status: int
    headers: httpx2.Headers
    body: bytes


class NoReplyError(ZoneproofError):
    """No usable reply came from ``url``; the message says why, and the caller from whom.

    ``unsent`` says that the server cannot have seen the request, ``hopeless`` that asking again
    cannot help, ``overdue`` that the exchange took all of its time.
    """

    def __init__(
        self,
        message: str,
        *,
        url: str,
        unsent: bool = False,
        hopeless: bool = False,
        overdue: bool = False,
    ) -> None:
        super().__init__(message)
        self.url = url
        self.unsent = unsent
        self.hopeless = hopeless
        self.overdue = overdue


def utc_now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


class HttpClient:
    """Keep-alive connections, as many as exchanges run at once, at most ``connections``.

    ``seconds`` is the deadline of a whole exchange, waiting for a free connection not counted.
    ``tls`` is what :func:`tls_context` made, None for the usual CAs. ``auth`` are user and password
    of a Basic authorization. An idle connection is kept for ``idle_seconds``: shorter than servers
    keep it where a write must not be sent on one that the server is about to close.
    ``bundle_setting`` is by what people give a CA bundle, for errors; empty where they cannot.
    """

    def __init__(
        self,
        *,
        seconds: float,
        tls: ssl.SSLContext | None = None,
        auth: tuple[str, str] | None = None,
        connections: int = 10,
        idle_seconds: float = 2.0,
        max_body: int = MAX_BODY,
        bundle_setting: str = "",
        connect: Connect | None = None,
    ) -> None:
        self._seconds = seconds
        self._auth = auth
        self._slots = asyncio.Semaphore(connections)
        self._max_body = max_body
        self._bundle_setting = bundle_setting
        self._timeouts = {"timeout": {"connect": min(_CONNECT_SECONDS, seconds)}}
        self._connections = HttpConnections(tls, idle_seconds, connections, connect)

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Send one request and read its reply, within ``seconds`` if given. Raises NoReplyError."""
        seconds = seconds or self._seconds
        async with self._slots:
            try:
                async with asyncio.timeout(seconds):
                    return await self._send(method, url, content, headers)
            except _FAILURES as error:
                raise _no_reply(error, seconds, url, self._tls_failure) from error

    async def _send(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str] | None
    ) -> Reply:
        # httpcore2 itself, and a connection at a time: the client and the pool around it take more
        # than half of the time of an exchange, for redirects, cookies and queues that are not used.
        whole = httpx2.URL(url)
        if whole.scheme not in ("https", "http") or not whole.host:
            raise httpx2.InvalidURL("it does not begin with https:// or http:// and a host")
        target = httpcore2.URL(
            scheme=whole.raw_scheme, host=whole.raw_host, port=whole.port, target=whole.raw_path
        )
        sent = httpx2.Headers(_HEADERS)
        sent.update(headers)
        if auth := self._auth or (whole.userinfo and (whole.username, whole.password)):
            sent["Authorization"] = f"Basic {base64.b64encode(':'.join(auth).encode()).decode()}"
        # It adds Host and the length of the content.
        request = httpx2.Request(method, whole, headers=sent, content=content)
        connection = await self._connections.take(target.origin)
        try:
            response = await connection.handle_async_request(
                httpcore2.Request(
                    method,
                    target,
                    headers=request.headers.raw,
                    content=content,
                    extensions=self._timeouts,
                )
            )
            try:
                return await self._read(url, response)
            finally:
                await response.aclose()
        finally:
            await self._connections.give_back(connection)

    def _tls_failure(self, error: ssl.SSLError) -> str:
        if not isinstance(error, ssl.SSLCertVerificationError):
            return "it does not speak TLS there: check whether the URL needs http:// or a port"
        if error.verify_code in _OF_ANOTHER_TIME:
            advice = f"is it {times.at(utc_now())}? If not, set this machine's clock"
        else:
            to_do = "add that CA to those that this machine trusts"
            if self._bundle_setting:
                to_do = f"give that CA's PEM file as {self._bundle_setting}"
            private = f"if its CA is a private one, {to_do}"
            advice = self._connections.missing_cas() or private
        return f"its certificate is not trusted ({sanitize(error.verify_message)}); {advice}"

    async def _read(self, url: str, response: httpcore2.Response) -> Reply:
        headers = httpx2.Headers(response.headers)
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise NoReplyError(
                "it sent a compressed reply, which it was not asked for", url=url, hopeless=True
            )
        body = bytearray()
        async for part in response.aiter_stream():
            body += part
            if len(body) > self._max_body:
                raise NoReplyError(
                    f"its reply is larger than {_size(self._max_body)}", url=url, hopeless=True
                )
        return Reply(url, response.status, headers, bytes(body))


async def with_retries(
    attempt: Callable[[], Awaitable[Reply]],
    again: Callable[[Reply], bool],
    *,
    repeatable: bool,
    sleep: Sleep,
    now: Now = utc_now,
) -> Reply:
    """Call ``attempt`` until ``again`` is content with its reply, at most four times.

    A server that lets two attempts take all of their time is not asked a third time. Between
    attempts it waits as long as Retry-After says, else a pause that grows. The last reply is
    returned, whatever it is, and so is one that asks for more than a minute. If the request is not
    ``repeatable``, because the server may have done what it was asked although no reply came, it
    is sent again only where it cannot have reached the server. Raises NoReplyError.
    """
    pause = _FIRST_PAUSE
    overdue = 0
    for left in reversed(range(ATTEMPTS)):
        wait = None
        try:
            reply = await attempt()
        except NoReplyError as error:
            overdue += error.overdue
            spent = not left or overdue == _MOST_OVERDUE
            if spent or error.hopeless or not (repeatable or error.unsent):
                raise
        else:
            moment = retry_at(reply.headers.get("Retry-After"), time := now())
            wait = max(0.0, (moment - time).total_seconds()) if moment else None
            if not left or not again(reply) or (wait or 0.0) > LONGEST_WAIT:
                return reply
        await sleep(pause * _JITTER.uniform(0.5, 1.0) if wait is None else wait)
        pause *= 2
    raise AssertionError("the last attempt returns or raises")


def retry_at(value: str | None, now: datetime) -> datetime | None:
    """Return the moment that a Retry-After names (RFC 9110 section 10.2.3), at most a year ahead.

    The header is a number of seconds or an HTTP date; anything else counts as absent.
    """
    text = (value or "").strip()
    latest = now + _LONGEST_RETRY
    if text.isascii() and text.isdigit():
        return latest if len(text) > 9 else min(now + timedelta(seconds=int(text)), latest)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return min(moment, latest).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def error_text(body: bytes, secrets: Iterable[str]) -> str:
    """Return what a server said, for an error: JSON's ``error``, ``message`` or ``detail``, or all.

    One line of at most 200 characters, without ``secrets``; a web page is only called one.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if isinstance(found, dict):
        for key in ("error", "message", "detail"):
            if isinstance(found.get(key), str):
                return sanitize(found[key], secrets=secrets)
    if is_web_page(body):
        return WEB_PAGE
    return sanitize(body, secrets=secrets) or "nothing"


def is_web_page(body: bytes) -> bool:
    """Tell whether the body is HTML, or XML, by how it begins."""
    return body.lstrip()[:1] == b"<"


def tls_context(ca_bundle: Path | None) -> ssl.SSLContext | None:
    """Return what trusts the PEM file ``ca_bundle`` alone; None means the usual CAs.

    Raises ConfigError, which names the file.
    """
    if ca_bundle is None:
        return None
    try:
        read_file(ca_bundle, LARGEST_LIST)  # OpenSSL would wait for a pipe, and read without end
        return ssl.create_default_context(cafile=ca_bundle)
    except ssl.SSLError as error:
        raise ConfigError(
            f"the CA bundle {ca_bundle} cannot be used: it has no certificates in PEM form"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"the CA bundle {ca_bundle} cannot be used: {sanitize(error.strerror or str(error))}"
        ) from error


def load_ca_bundle(text: str) -> ssl.SSLContext | None:
    """Return :func:`tls_context` of what a person wrote: an absolute path, or empty for the usual.

    Raises InvalidInputError.
    """
    return tls_context(absolute_path("ca_bundle", text) if text else None)


def _no_reply(
    error: Exception, seconds: float, url: str, tls_failure: Callable[[ssl.SSLError], str]
) -> NoReplyError:
    unsent = isinstance(error, _NOT_SENT)
    if isinstance(error, httpcore2.ConnectTimeout):
        seconds = min(_CONNECT_SECONDS, seconds)
    if isinstance(error, (TimeoutError, httpcore2.TimeoutException)):
        message = f"no answer within {seconds:g} seconds"
        return NoReplyError(message, url=url, unsent=unsent, overdue=not unsent)
    failed = "the connection failed" if unsent else "the connection was lost before it answered"
    reason = f"{failed} ({(sanitize(str(error)) or type(error).__name__).removesuffix('.')})"
    hopeless = False
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return NoReplyError(tls_failure(cause), url=url, unsent=True, hopeless=True)
        if isinstance(cause, socket.gaierror):
            hopeless = cause.errno == socket.EAI_NONAME
            reason = "its host name cannot be looked up now"
            if hopeless:
                reason = (
                    "the DNS that this machine asks does not know its host name: check the network,"
                    " and the URL if it was typed"
                )
        elif isinstance(cause, ConnectionRefusedError):
            reason = "the connection was refused: nothing listens there"
        elif isinstance(cause, OSError) and cause.strerror:
            reason = f"{failed} ({sanitize(cause.strerror)})"
    return NoReplyError(reason, url=url, unsent=unsent, hopeless=hopeless)


def _size(number: int) -> str:
    return f"{number >> 20} MiB" if number >= 1 << 20 else f"{number >> 10} KiB"


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
