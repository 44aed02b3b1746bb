"""HTTPS requests to a provider's API: what is repeated, and our own errors for what it answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import msgspec

from zoneproof.core.errors import ProviderError, ProviderQuotaError, ProviderUnavailableError
from zoneproof.core.http import (
    WEB_PAGE,
    HttpClient,
    NoReplyError,
    Reply,
    error_text,
    is_web_page,
    load_ca_bundle,
    retry_at,
    utc_now,
    with_retries,
)
from zoneproof.core.text import sanitize
from zoneproof.providers.contract import ProviderContext

T = TypeVar("T")
Refusals = Mapping[int | str, "Refusal"]  # by status, or by the word that the provider says

_LIMITED = HTTPStatus.TOO_MANY_REQUESTS
_SUCCESS = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT)
_NOT_DONE = (_LIMITED, HTTPStatus.SERVICE_UNAVAILABLE)
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True)
class Body:
    """What a request carries, and its Content-Type."""

    content: bytes = field(repr=False)
    content_type: str

    @classmethod
    def json(cls, content: object) -> Body:
        """Return what msgspec can encode as JSON."""
        return cls(msgspec.json.encode(content), "application/json")

    @classmethod
    def form(cls, fields: Mapping[str, str]) -> Body:
        """Return the fields as a web page's form sends them."""
        return cls(urlencode(fields).encode(), "application/x-www-form-urlencoded")

    @classmethod
    def xml(cls, root: ET.Element) -> Body:
        """Return an XML document, as XML-RPC and SOAP 1.1 take it."""
        content = ET.tostring(root, encoding="utf-8", xml_declaration=True)
        return cls(content, "text/xml; charset=utf-8")


@dataclass(frozen=True)
class Refusal:
    """What a refusal means: the error to raise, what is wrong, and what to do about it."""

    kind: type[ProviderError]
    meaning: str
    advice: str = ""


@dataclass(frozen=True)
class ApiAnswer:
    """A provider's answer with a status that was expected."""

    status: int
    body: bytes


class ApiClient:
    """A connection pool for one credential of one provider.

    Errors begin with ``where`` of the request: the provider, its address and the zone, as people
    know them. ``secrets`` are hidden in what the provider says. ``ca_bundle`` is the absolute path
    of a PEM file of the only CAs to trust, empty for the usual ones. Making one raises
    InvalidInputError for a bundle that cannot be used.
    """

    def __init__(
        self,
        context: ProviderContext,
        *,
        secrets: Iterable[str] = (),
        auth: tuple[str, str] | None = None,
        ca_bundle: str = "",
    ) -> None:
        self._sleep = context.sleep
        self._secrets = set(secrets)
        tls = load_ca_bundle(ca_bundle)
        self._client = HttpClient(seconds=context.timeout, tls=tls, auth=auth)

    def hide(self, secret: str) -> None:
        """Never repeat ``secret``, which was learnt after the client was made."""
        self._secrets.add(secret)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def send(
        self,
        method: str,
        url: str,
        *,
        where: str,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool,
        not_done: Collection[int] = _NOT_DONE,
        expected: Collection[int] = _SUCCESS,
        refusals: Refusals,
    ) -> ApiAnswer:
        """Send a request until it is answered with one of the statuses ``expected``.

        That is as often as :func:`with_retries` does.

        ``repeatable`` says that doing it twice is the same as doing it once: then every 5xx and
        every broken connection is tried again. Otherwise only what proves that nothing was done
        is: no connection, or a status of ``not_done``. Retry-After is obeyed up to 60 seconds.

        Raises ProviderQuotaError for 429, ProviderUnavailableError for 5xx and for no answer,
        ProviderError for a redirect, and for any other status what ``refusals`` have for the word
        that the provider says or for the status, else ProviderError. ``changed_nothing`` of an
        error is right for what is not ``repeatable``: an earlier attempt that may have been done
        is the last one then.
        """
        request_headers = dict(headers or {})
        if body:
            request_headers["Content-Type"] = body.content_type

        async def attempt() -> Reply:
            return await self._client.exchange(
                method, url, content=body.content if body else None, headers=request_headers
            )

        def again(reply: Reply) -> bool:
            allowed = repeatable or reply.status == _LIMITED or reply.status in not_done
            return allowed and _is_failure(reply.status)

        try:
            reply = await with_retries(attempt, again, repeatable=repeatable, sleep=self._sleep)
        except NoReplyError as error:
            raise self._no_answer(where, error, repeatable) from error
        if _is_failure(reply.status):
            raise self._failed(where, reply, unchanged=reply.status in not_done)
        if 300 <= reply.status < 400:
            target = sanitize(reply.headers.get("Location", "nowhere"), secrets=self._secrets)
            raise ProviderError(
                f"{where}: it redirects to {target}; a request with credentials does not follow:"
                " set the URL to where the service really is"
            )
        if reply.status not in expected:
            raise self._refused(where, reply, refusals)
        return ApiAnswer(reply.status, reply.body)

    def read(self, answer: ApiAnswer, into: type[T], *, where: str) -> T:
        """Decode a JSON answer. Raises ProviderError if it is none, or lacks what ``into`` has.

        The error does not repeat the answer, which may hold the key that was asked for.
        """
        try:
            return msgspec.json.decode(answer.body, type=into)
        except _NOT_JSON as error:
            if isinstance(error, msgspec.ValidationError):
                reason = f"JSON of another form ({sanitize(str(error), secrets=self._secrets)})"
            else:
                reason = WEB_PAGE if is_web_page(answer.body) else "no JSON"
            raise ProviderError(
                f"{where}: the answer with status {answer.status} is {reason}: check the URL"
            ) from error

    def _refused(self, where: str, reply: Reply, refusals: Refusals) -> ProviderError:
        words = error_text(reply.body, self._secrets)
        other = Refusal(ProviderError, f"it refuses the request with status {reply.status}")
        refusal = refusals.get(words) or refusals.get(reply.status, other)
        advice = refusal.advice and f"; {refusal.advice}"
        return refusal.kind(
            f"{where}: {refusal.meaning}, it says: {words}{advice}",
            changed_nothing=reply.status >= 400 or None,
        )

    def _failed(self, where: str, reply: Reply, *, unchanged: bool) -> ProviderError:
        words = error_text(reply.body, self._secrets)
        if reply.status == _LIMITED:
            moment = retry_at(reply.headers.get("Retry-After"), now := utc_now())
            wait = (moment - now).total_seconds() if moment else 0.0
            later = f" in {wait:.0f} seconds" if wait > 0 else " later"
            return ProviderQuotaError(
                f"{where}: too many requests (429), it says: {words}; try again{later}"
            )
        return ProviderUnavailableError(
            f"{where}: it fails with status {reply.status}, and says: {words}; try again later",
            changed_nothing=unchanged,
        )

    def _no_answer(self, where: str, error: NoReplyError, repeatable: bool) -> ProviderError:
        reason = sanitize(error.message, limit=500, secrets=self._secrets)
        if not repeatable and not error.unsent:
            reason += "; whether it did what was asked is not known"
        again = "" if error.hopeless else "; try again"
        return ProviderUnavailableError(f"{where}: {reason}{again}", changed_nothing=error.unsent)


def _is_failure(status: int) -> bool:
    return status == _LIMITED or (status >= 500 and status != HTTPStatus.NOT_IMPLEMENTED)
