"""HTTPS requests to a provider's API: deadlines, bounded answers and retries, our own errors."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx2
import msgspec

from zoneproof import __version__
from zoneproof.errors import (
    InvalidInputError,
    ProviderError,
    ProviderQuotaError,
    ProviderUnavailableError,
)
from zoneproof.input_files import LARGEST_LIST, read_file
from zoneproof.providers.contract import ProviderContext
from zoneproof.providers.fields import absolute_path
from zoneproof.providers.words import said

T = TypeVar("T")

_ATTEMPTS = 4
_LONGEST_WAIT = 60.0  # seconds; a provider that asks for more gets an error instead
_LARGEST_ANSWER = 4 * 1024 * 1024  # bytes
_CONNECTIONS = 10
# Shorter than servers keep idle connections: a write sent on one that the server is about to close
# could not be told from a write that was done.
_IDLE_SECONDS = 2.0
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_NOT_DONE = (429, 503)
_WEB_PAGE = "a web page"
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True)
class Answer:
    """A provider's answer: never a redirect, 429 or 5xx (but 501), which are raised as errors."""

    status: int
    body: bytes


class ApiClient:
    """A connection pool for one credential of one provider.

    Errors begin with ``where`` of the request: the provider, its address and the zone, as people
    know them. ``secrets`` are hidden in what the provider says.
    """

    def __init__(
        self,
        context: ProviderContext,
        *,
        secrets: Iterable[str] = (),
        auth: tuple[str, str] | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._timeout = context.timeout
        self._sleep = context.sleep
        self._secrets = set(secrets)
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._client = httpx2.AsyncClient(
            auth=auth,
            verify=verify,
            timeout=context.timeout,
            headers={"User-Agent": f"zoneproof/{__version__}", "Accept-Encoding": "identity"},
            limits=httpx2.Limits(max_connections=_CONNECTIONS, keepalive_expiry=_IDLE_SECONDS),
        )

    def hide(self, secret: str) -> None:
        """Never repeat ``secret``, which was learnt after the client was made."""
        self._secrets.add(secret)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        where: str,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool,
        not_done: Collection[int] = _NOT_DONE,
    ) -> Answer:
        """Send a request until it is answered, at most four times.

        ``repeatable`` says that doing it twice is the same as doing it once: then every 5xx and
        every broken connection is tried again. Otherwise only what proves that nothing was done
        is: no connection, or a status of ``not_done``. Retry-After is obeyed up to 60 seconds.

        Raises ProviderQuotaError for 429, ProviderUnavailableError for 5xx and for no answer, and
        ProviderError for a redirect. Every other status is the caller's. ``changed_nothing`` of an
        error is right for what is not ``repeatable``: an earlier attempt that may have been done
        is the last one then.
        """
        request_headers = dict(headers or {})
        content = None
        if json is not None:
            content = msgspec.json.encode(json)
            request_headers["Content-Type"] = "application/json"
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS
            try:
                response, body = await self._once(method, url, content, request_headers)
            except (httpx2.TransportError, TimeoutError) as error:
                again = repeatable or isinstance(error, _NOT_SENT)
                if last or not again or _is_hopeless(error):
                    raise self._no_answer(where, error, repeatable) from error
                await self._sleep(_pause(attempt))
                continue
            status = response.status_code
            if status != 429 and (status < 500 or status == 501):
                self._refuse_redirect(where, response)
                return Answer(status, body)
            wait = _retry_after(response.headers)
            again = repeatable or status == 429 or status in not_done
            if last or not again or (wait or 0.0) > _LONGEST_WAIT:
                raise self._failed(where, status, body, wait, unchanged=status in not_done)
            await self._sleep(_pause(attempt) if wait is None else wait)
        raise AssertionError("the last attempt returns or raises")

    async def _once(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[httpx2.Response, bytes]:
        # httpx2 logs the URL of each request, so it gets one without the path: a key may be in it.
        whole = httpx2.URL(url)
        sending = self._client.stream(
            method,
            whole.copy_with(raw_path=b"/"),
            content=content,
            headers=headers,
            extensions={"target": whole.raw_path},
        )
        async with self._slots, asyncio.timeout(self._timeout), sending as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _LARGEST_ANSWER:
                    raise httpx2.RemoteProtocolError("the answer is larger than 4 MiB")
            return response, bytes(body)

    def read(self, answer: Answer, into: type[T], *, where: str) -> T:
        """Decode a JSON answer. Raises ProviderError if it is none, or lacks what ``into`` has.

        The error does not repeat the answer, which may hold the key that was asked for.
        """
        try:
            return msgspec.json.decode(answer.body, type=into)
        except _NOT_JSON as error:
            if isinstance(error, msgspec.ValidationError):
                reason = f"JSON of another form ({said(str(error), self._secrets)})"
            else:
                reason = _WEB_PAGE if _is_web_page(answer.body) else "no JSON"
            raise ProviderError(
                f"{where}: the answer with status {answer.status} is {reason}: check the URL"
            ) from error

    def words(self, body: bytes) -> str:
        """Return what the provider said, for an error: JSON's ``error`` or the text itself."""
        try:
            found = msgspec.json.decode(body)
        except _NOT_JSON:
            found = None
        if isinstance(found, dict):
            for key in ("error", "message", "detail"):
                if isinstance(found.get(key), str):
                    return said(found[key], self._secrets)
        if _is_web_page(body):
            return _WEB_PAGE
        return said(body[:4096], self._secrets) or "nothing"

    def _refuse_redirect(self, where: str, response: httpx2.Response) -> None:
        if response.is_redirect:
            target = said(response.headers.get("Location", "nowhere"), self._secrets)
            raise ProviderError(
                f"{where}: it redirects to {target}; a request with credentials does not follow:"
                " set the URL to where the service really is"
            )

    def _failed(
        self, where: str, status: int, body: bytes, wait: float | None, *, unchanged: bool
    ) -> ProviderError:
        words = self.words(body)
        if status == 429:
            later = f" in {wait:.0f} seconds" if wait else " later"
            return ProviderQuotaError(
                f"{where}: too many requests (429), it says: {words}; try again{later}"
            )
        return ProviderUnavailableError(
            f"{where}: it fails with status {status}, and says: {words}; try again later",
            changed_nothing=unchanged,
        )

    def _no_answer(
        self, where: str, error: httpx2.TransportError | TimeoutError, repeatable: bool
    ) -> ProviderError:
        reason = _reason(error, self._timeout, self._secrets)
        sent = not isinstance(error, _NOT_SENT)
        if sent and not repeatable:
            reason += "; whether it did what was asked is not known"
        return ProviderUnavailableError(f"{where}: {reason}; try again", changed_nothing=not sent)


def load_ca_bundle(path: str) -> ssl.SSLContext | bool:
    """Return what ``verify`` needs to trust the PEM file ``path`` alone; empty: the usual CAs.

    Raises InvalidInputError.
    """
    if not path:
        return True
    try:
        read_file(absolute_path("ca_bundle", path), LARGEST_LIST)  # OpenSSL would wait for a pipe
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise InvalidInputError(
            f"ca_bundle: {path} holds no certificates in PEM form: give the CA's PEM file"
        ) from error
    except OSError as error:
        raise InvalidInputError(f"ca_bundle: cannot read {path}: {error.strerror}") from error


def _is_web_page(body: bytes) -> bool:
    return body.lstrip()[:1] == b"<"


def _pause(attempt: int) -> float:
    return random.uniform(0.5, 1.0) * 2.0 ** (attempt - 1)  # noqa: S311  spreads load only


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Return the seconds that Retry-After asks for (RFC 9110 section 10.2.3), None without it."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _is_hopeless(error: BaseException) -> bool:
    """Tell whether asking again cannot help: a certificate that is not trusted, no such name."""
    return any(
        isinstance(cause, ssl.SSLError)
        or (isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME)
        for cause in _causes(error)
    )


def _reason(error: BaseException, timeout: float, secrets: Iterable[str]) -> str:
    """Say for people why there was no answer; the cause that the system gave stands deepest."""
    if isinstance(error, (TimeoutError, httpx2.TimeoutException)):
        return f"no answer within {timeout:g} seconds"
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return "the DNS does not know its host name: check the URL"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({said(cause.verify_message)})"
        if isinstance(cause, ssl.SSLError):
            return "it does not speak TLS there: check whether the URL needs http:// or a port"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused: nothing listens there"
    return f"the connection failed ({said(str(error) or type(error).__name__, secrets)})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
