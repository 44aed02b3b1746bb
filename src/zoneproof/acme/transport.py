"""Signed requests: nonces, badNonce, and what is tried again (RFC 8555 sections 6.2 to 6.5)."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from zoneproof.acme.headers import replay_nonce
from zoneproof.acme.http import Http
from zoneproof.acme.jws import POST_AS_GET, Signer
from zoneproof.acme.nonces import NoncePool
from zoneproof.acme.problems import BAD_NONCE, parse_problem
from zoneproof.acme.retries import Retries
from zoneproof.acme.text import ca_at
from zoneproof.core.http import Reply
from zoneproof.errors import AcmeConnectionError

BAD_NONCES = 20  # refused nonces in a row, after which something else must be wrong


class Transport:
    """Requests to one CA, of which at most ``concurrency`` run at a time."""

    def __init__(self, http: Http, retries: Retries, concurrency: int) -> None:
        self.retries = retries
        self._http = http
        self._gate = asyncio.Semaphore(concurrency)
        self._nonces = NoncePool(concurrency)

    async def get(self, url: str) -> Reply:
        """Return the good reply to an unsigned GET. Raises AcmeError."""

        async def attempt() -> Reply:
            async with self._gate:
                return await self._http.exchange("GET", url)

        return await self.retries.good_reply(attempt)

    async def post(
        self,
        url: str,
        signer: Signer,
        new_nonce: str,
        payload: bytes = POST_AS_GET,
        *,
        repeatable: bool = True,
    ) -> Reply:
        """Return the good reply to a signed POST; without a payload it is a POST-as-GET.

        ``new_nonce`` is the URL that has nonces when there are none left. See
        :meth:`Retries.good_reply` for ``repeatable``. Raises AcmeError.
        """

        async def attempt() -> Reply:
            async with self._gate:
                return await self._post_once(url, signer, new_nonce, payload)

        return await self.retries.good_reply(attempt, repeatable=repeatable)

    async def _post_once(self, url: str, signer: Signer, new_nonce: str, payload: bytes) -> Reply:
        nonce = self._nonces.take()
        for _ in range(BAD_NONCES + 1):
            if nonce is None:
                reply = await self._http.exchange("HEAD", new_nonce)
                nonce = replay_nonce(reply.headers.get("Replay-Nonce"))
                if reply.status >= HTTPStatus.MULTIPLE_CHOICES:
                    return reply
                if nonce is None:
                    raise AcmeConnectionError(f"{ca_at(new_nonce)} has no nonces to give")
            reply = await self._http.exchange(
                "POST",
                url,
                content=signer.body(payload, url=url, nonce=nonce),
                content_type="application/jose+json",
            )
            fresh = replay_nonce(reply.headers.get("Replay-Nonce"))
            if not _is_bad_nonce(reply):
                self._nonces.put(fresh)
                break
            nonce = fresh
        return reply


def _is_bad_nonce(reply: Reply) -> bool:
    if reply.status != HTTPStatus.BAD_REQUEST:
        return False
    problem = parse_problem(reply.body, reply.status)
    return problem is not None and problem.type == BAD_NONCE
