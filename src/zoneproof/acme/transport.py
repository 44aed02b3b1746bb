"""Signed requests: nonces, badNonce, what is tried again (RFC 8555 sections 6.2 to 6.5)."""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

from zoneproof.acme.http import ca_at, check_url, connection_error, links, replay_nonce
from zoneproof.acme.jws import POST_AS_GET, Signer
from zoneproof.acme.keys import AccountKey
from zoneproof.acme.messages import Directory, parse_directory
from zoneproof.acme.problems import BAD_NONCE, parse_problem, problem_error, until
from zoneproof.core.aio import SharedCall
from zoneproof.core.connections import Connect
from zoneproof.core.errors import AcmeConnectionError, AcmeError
from zoneproof.core.http import (
    LONGEST_WAIT,
    HttpClient,
    NoReplyError,
    Now,
    Reply,
    Sleep,
    retry_at,
    tls_context,
    with_retries,
)
from zoneproof.core.text import sanitize

_log = logging.getLogger("zoneproof.acme")

_BUSY = (500, 502, 503, 504)


@dataclass
class Retries:
    """The policy for one CA, with the clock and the sleep that it goes by.

    What the CA says about coming back to one request holds for all: none is sent before that.
    """

    directory_url: str
    now: Now
    sleep: Sleep
    _not_before: datetime | None = field(default=None, init=False)

    async def good_reply(
        self, attempt: Callable[[], Awaitable[Reply]], *, repeatable: bool = True
    ) -> Reply:
        """Call ``attempt`` until its reply is a 2xx, and return that.

        Connection errors and 500, 502, 503 and 504 are tried again, and so is 429 with a
        Retry-After. If it is not ``repeatable``, because the CA may have done what it was asked
        although no reply came, only requests that cannot have reached it are tried again. Raises
        AcmeProblemError and AcmeConnectionError.
        """

        async def in_time() -> Reply:
            if self._not_before and (rest := (self._not_before - self.now()).total_seconds()) > 0:
                await self.sleep(min(rest, LONGEST_WAIT))
            return await attempt()

        def again(reply: Reply) -> bool:
            moment = self.retry_at(reply)
            limited = reply.status == HTTPStatus.TOO_MANY_REQUESTS and moment is not None
            if not repeatable or not (reply.status in _BUSY or limited):
                return False
            if moment and (moment - self.now()).total_seconds() <= LONGEST_WAIT:
                self._not_before = moment
            return True

        try:
            reply = await with_retries(
                in_time, again, repeatable=repeatable, sleep=self.sleep, now=self.now
            )
        except NoReplyError as error:
            raise connection_error(error) from error
        if 200 <= reply.status < 300:
            return reply
        raise self.error_for(reply)

    def retry_at(self, reply: Reply) -> datetime | None:
        """Return the moment that the reply's Retry-After names."""
        return retry_at(reply.headers.get("Retry-After"), self.now())

    def error_for(self, reply: Reply) -> AcmeError:
        """Return the error for a reply that is not a 2xx."""
        kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if 300 <= reply.status < 400:
            target = sanitize(reply.headers.get("Location", "elsewhere"), limit=200)
            return AcmeConnectionError(
                f"{ca_at(reply.url)} redirects to {target}, which ACME does not allow: if that is"
                " where its directory is now, use that URL",
                status=reply.status,
            )
        is_json = kind in {"application/problem+json", "application/json", ""}
        problem = parse_problem(reply.body, reply.status) if is_json or not reply.body else None
        if problem is None:
            what = "HTML" if kind == "text/html" else sanitize(kind, limit=50) or "something"
            if reply.status in _BUSY:
                advice = until(self.retry_at(reply))
            else:
                advice = f": is {sanitize(self.directory_url, limit=200)} its directory?"
            return AcmeConnectionError(
                f"{ca_at(reply.url)} answered with {what} instead of ACME"
                f" (HTTP {reply.status}){advice}",
                status=reply.status,
            )
        return problem_error(
            problem,
            status=reply.status,
            directory_url=self.directory_url,
            retry_at=self.retry_at(reply),
            terms_of_service=[
                sanitize(url, limit=2000)
                for url in links(
                    reply.headers.get_list("Link"), "terms-of-service", self.directory_url
                )
            ],
        )


MAX_BODY = 1024 * 1024  # bytes; the largest honest reply is an order of 1,000 names
_IDLE_SECONDS = 30.0
BAD_NONCES = 20  # refused nonces in a row, after which something else must be wrong


def _is_bad_nonce(reply: Reply) -> bool:
    if reply.status != HTTPStatus.BAD_REQUEST:
        return False
    problem = parse_problem(reply.body, reply.status)
    return problem is not None and problem.type == BAD_NONCE


class Session:
    """Requests to one CA, signed by ``key`` for the account at ``account_url``.

    The arguments are those of :class:`~zoneproof.acme.AcmeClient`; ``ca`` is the CA's name in
    messages. At most ``concurrency`` requests run at a time. One that is tried again keeps its
    turn: if the CA no longer answers, those that wait behind it must not be what it waits for.
    """

    def __init__(
        self,
        directory_url: str,
        key: AccountKey,
        *,
        ca_bundle: Path | None,
        allow_http: bool,
        concurrency: int,
        request_seconds: float,
        retries: Retries,
        connect: Connect | None,
    ) -> None:
        self.directory_url = check_url(directory_url, allow_http=allow_http)
        self.ca = ca_at(directory_url)
        self.key = key
        self.account_url = ""
        self.retries = retries
        self._client = HttpClient(
            seconds=request_seconds,
            tls=tls_context(ca_bundle),
            connections=concurrency,
            idle_seconds=_IDLE_SECONDS,
            max_body=MAX_BODY,
            bundle_setting="--ca-bundle of 'zoneproof account register', 'account import' or"
            " 'renew NAME'",
            connect=connect,
        )
        self._allow_http = allow_http
        self._gate = asyncio.Semaphore(concurrency)
        # The freshest is taken first: old ones are the most likely to be refused.
        self._nonces: collections.deque[str] = collections.deque(maxlen=concurrency)
        self._directory: Directory | None = None
        self._fetching: SharedCall[Directory] = SharedCall()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def directory(self) -> Directory:
        """Return the directory, fetched once."""
        if self._directory is None:
            self._directory = await self._fetching(self._fetch_directory())
        return self._directory

    async def _fetch_directory(self) -> Directory:
        reply = await self.get(self.directory_url)
        return parse_directory(reply.body, self.directory_url, allow_http=self._allow_http)

    async def exchange(
        self, method: str, url: str, *, content: bytes | None = None, content_type: str = ""
    ) -> Reply:
        """Send one request, which is not signed, and read its reply.

        Raises NoReplyError when there is none, and AcmeConnectionError for a URL that may not be
        opened.
        """
        check_url(url, allow_http=self._allow_http, given_by=self.directory_url)
        headers = {"Content-Type": content_type} if content_type else None
        reply = await self._client.exchange(method, url, content=content, headers=headers)
        _log.debug("%s %s: %d", method, url, reply.status)
        return reply

    async def get(self, url: str) -> Reply:
        """Return the good reply to an unsigned GET. Raises AcmeError."""
        async with self._gate:
            return await self.retries.good_reply(lambda: self.exchange("GET", url))

    async def post(
        self,
        url: str,
        payload: dict[str, Any] | bytes = POST_AS_GET,
        *,
        signer: Signer | None = None,
        repeatable: bool = True,
    ) -> Reply:
        """Return the good reply to a POST that is signed, by default as the account.

        Without a payload it is a POST-as-GET. See :meth:`Retries.good_reply` for ``repeatable``.
        Raises AcmeError.
        """
        signer = signer or Signer(self.key, self.required_account_url())
        new_nonce = (await self.directory()).new_nonce
        data = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        async with self._gate:
            return await self.retries.good_reply(
                lambda: self._post_once(url, signer, new_nonce, data), repeatable=repeatable
            )

    async def _post_once(self, url: str, signer: Signer, new_nonce: str, payload: bytes) -> Reply:
        nonce = self._nonces.pop() if self._nonces else None
        for _ in range(BAD_NONCES + 1):
            if nonce is None:
                reply = await self.exchange("HEAD", new_nonce)
                nonce = replay_nonce(reply.headers.get("Replay-Nonce"))
                if reply.status >= HTTPStatus.MULTIPLE_CHOICES:
                    return reply
                if nonce is None:
                    raise AcmeConnectionError(f"{ca_at(new_nonce)} sent no nonce")
            reply = await self.exchange(
                "POST",
                url,
                content=signer.body(payload, url=url, nonce=nonce),
                content_type="application/jose+json",
            )
            fresh = replay_nonce(reply.headers.get("Replay-Nonce"))
            if not _is_bad_nonce(reply):
                if fresh:
                    self._nonces.append(fresh)
                break
            nonce = fresh
        return reply

    def use_account(self, url: str) -> None:
        """Sign as this account from now on. Raises InvalidInputError for what is not a URL."""
        self.account_url = check_url(url, allow_http=self._allow_http)

    def required_account_url(self) -> str:
        """Return the account's URL. Raises AcmeError while there is none."""
        if not self.account_url:
            raise AcmeError(
                "no account is in use: call register, find_account or use_account first"
            )
        return self.account_url

    def location_of(self, reply: Reply) -> str:
        """Return the URL of what a request created. Raises AcmeConnectionError."""
        url: str = reply.headers.get("Location", "")
        if not url:
            raise AcmeConnectionError(f"{self.ca} did not send the URL of what it created")
        return check_url(url, allow_http=self._allow_http, given_by=self.directory_url)

    def offered(self, url: str, what: str) -> str:
        """Return an optional URL of the directory. Raises AcmeError if the CA has none."""
        if not url:
            raise AcmeError(f"{self.ca} does not offer {what}")
        return url
