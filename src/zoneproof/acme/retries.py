"""Repeats requests while a CA is down or busy: with backoff and jitter, and not for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from zoneproof.acme.headers import links
from zoneproof.acme.http import connection_error
from zoneproof.acme.problems import parse_problem, problem_error, until
from zoneproof.acme.text import ca_at, shown
from zoneproof.core.http import (
    LONGEST_WAIT,
    NoReplyError,
    Now,
    Reply,
    Sleep,
    retry_at,
    with_retries,
)
from zoneproof.errors import AcmeConnectionError, AcmeError

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
            target = shown(reply.headers.get("Location", "elsewhere"), 200)
            return AcmeConnectionError(
                f"{ca_at(reply.url)} redirects to {target}, which ACME does not allow: if that is"
                " where its directory is now, use that URL",
                status=reply.status,
            )
        is_json = kind in {"application/problem+json", "application/json", ""}
        problem = parse_problem(reply.body, reply.status) if is_json or not reply.body else None
        if problem is None:
            what = "HTML" if kind == "text/html" else shown(kind, 50) or "something"
            if reply.status in _BUSY:
                advice = until(self.retry_at(reply))
            else:
                advice = f": is {shown(self.directory_url, 200)} its directory?"
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
                shown(url)
                for url in links(
                    reply.headers.get_list("Link"), "terms-of-service", self.directory_url
                )
            ],
        )
