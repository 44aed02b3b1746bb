"""HTTPS requests to a provider's API: what is repeated, and our own errors for what it answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypedDict, TypeVar, Unpack, cast
from urllib.parse import urlencode, urljoin, urlsplit
from xml.etree import ElementTree as ET

import msgspec

from zoneproof.core.errors import AlreadyDoneError, ProviderCredentialsError, ProviderError
from zoneproof.core.http import (
    MAX_BODY,
    WEB_PAGE,
    HttpClient,
    NoReplyError,
    Reply,
    is_web_page,
    load_ca_bundle,
    with_retries,
)
from zoneproof.core.text import sanitize
from zoneproof.providers.api_request import ApiRequest, Body, check_headers
from zoneproof.providers.bearer_token import TemporaryKey
from zoneproof.providers.contract import ProviderContext
from zoneproof.providers.pace import Pace
from zoneproof.providers.paging import Following, Paging, Query, next_link, with_places
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusals, parse_xml, place_in
from zoneproof.providers.verdicts import LIMITED, Verdicts, is_failure

T = TypeVar("T")

_SUCCESS = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT)
_GONE = (*_SUCCESS, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_NOT_DONE = (LIMITED, HTTPStatus.SERVICE_UNAVAILABLE)
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_REPEATABLE = ("GET", "HEAD", "DELETE")
_MOST_PAGES = 1000


@dataclass(frozen=True)
class ApiAnswer:
    """A provider's answer with a status that was expected; names of headers in any case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class ListOptions(TypedDict, total=False):
    """How a list is asked for and read; :meth:`ApiClient.rows` says what each of them means."""

    at: str
    query: Query | None
    headers: Mapping[str, str] | None
    form: Query | None
    json: Mapping[str, object] | None
    paging: Paging | None
    absent_if_empty: bool
    also: Refusals | None


class ApiClient:
    """A connection pool for one credential of one provider.

    ``base_url`` is what paths are relative to, ``own_url`` that a person gave it. Every request
    has ``headers``, and one to a path ``query``; ``auth`` (user and password) is a Basic
    authorization; ``token`` is put into it as the token says, and ``sign`` has the last word.
    ``refusals`` and ``errors`` are the API's own, and ``advice`` is for those of a kind that have
    none; ``secrets`` are hidden in what it says. At most ``at_once`` requests run at the same time,
    and one begins each ``pause`` seconds. ``ca_bundle`` is the absolute path of a PEM file of
    the only CAs to trust, empty for the usual ones, None if nobody can name others.

    Making one raises InvalidInputError for a bundle or a header that cannot be used.
    """

    def __init__(
        self,
        context: ProviderContext,
        base_url: str = "",
        *,
        own_url: bool = True,
        headers: Mapping[str, str] | None = None,
        query: Query | None = None,
        auth: tuple[str, str] | None = None,
        token: TemporaryKey[Any] | None = None,
        sign: Callable[[ApiRequest], ApiRequest] | None = None,
        refusals: Refusals | None = None,
        errors: ErrorBody | None = None,
        advice: Mapping[type[ProviderError], str] | None = None,
        secrets: Iterable[str] = (),
        at_once: int = 10,
        pause: float = 0.0,
        ca_bundle: str | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        self._sleep, self._now = context.sleep, context.now
        self._base = base_url.rstrip("/")
        self._headers = dict(headers or {})
        self._query = dict(query or {})
        check_headers(self._headers)
        self._token, self._sign = token, sign
        self._refusals: Refusals = refusals or {}
        self._secrets = set(secrets)
        self._url_advice = ": check the URL" if own_url else ""
        self._verdicts = Verdicts(errors, advice or {}, self._secrets, self._url_advice)
        self.pace = Pace(context, at_once, pause)
        self._client = HttpClient(
            seconds=context.timeout,
            tls=load_ca_bundle(ca_bundle or ""),
            auth=auth,
            max_body=max_body,
            bundle_setting="" if ca_bundle is None else "ca_bundle",
        )

    def hide(self, secret: str) -> None:
        """Never repeat ``secret``, which was learnt after the client was made."""
        self._secrets.add(secret)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(
        self,
        path: str,
        into: type[T],
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        also: Refusals | None = None,
    ) -> T:
        """Return what is at ``path``, decoded as :meth:`read` does. Raises what they raise."""
        answer = await self.send("GET", path, query=query, headers=headers, also=also)
        return self.read(answer, into)

    async def find(
        self, path: str, into: type[T], *, query: Query | None = None, also: Refusals | None = None
    ) -> T | None:
        """Return what is at ``path`` as :meth:`get` does, None where a refusal is ``ALREADY``."""
        try:
            return await self.get(path, into, query=query, also=also)
        except AlreadyDoneError:
            return None

    async def items(self, path: str, of: type[T], **how: Unpack[ListOptions]) -> list[T]:
        """Return the items of a list in JSON, as :meth:`rows` does. Raises what it raises."""
        return await self.rows(path, lambda page: msgspec.convert(page, list[of]), **how)  # type: ignore[valid-type]

    async def rows(
        self,
        path: str,
        read: Callable[[list[object]], list[T]],
        *,
        at: str = "",
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        form: Query | None = None,
        json: Mapping[str, object] | None = None,
        paging: Paging | None = None,
        absent_if_empty: bool = False,
        also: Refusals | None = None,
    ) -> list[T]:
        """Return what is read from a list in JSON, of all its pages; ``at`` is where a page has it.

        Without ``paging``, the Link header has the URL of the next page, if there is one. A page
        that has no list there, nor a map with numbers as names, is an error, unless the API leaves
        out a list that is empty (``absent_if_empty``), or refuses it as what in ``also`` is
        ``ALREADY``. With ``form`` or ``json``, a list is asked for by POST, which may be repeated,
        and what pages are asked for with stands there, in JSON at places such as ``view.limit``.
        Raises what :meth:`get` raises, and ProviderError also where ``read`` raises TypeError,
        ValueError or ValidationError.
        """
        found: list[T] = []
        seen = 0
        asked, words = query or {}, paging.first() if paging else {}
        has_body = form is not None or json is not None
        for _ in range(_MOST_PAGES):
            try:
                answer = await self.send(
                    "POST" if has_body else "GET",
                    path,
                    query=asked if has_body else {**asked, **words},
                    headers=headers,
                    form=form if form is None else {**form, **words},
                    json=json if json is None else with_places(json, words),
                    repeatable=True,
                    also=also,
                )
            except AlreadyDoneError:
                if ALREADY in (also or {}).values():
                    return found
                raise
            page = self.read(answer, object)
            listed = place_in(page, at) if at else page
            if isinstance(listed, dict) and listed and all(map(str.isdecimal, listed)):
                listed = list(listed.values())  # what PHP makes of a list with gaps
            if listed is None and absent_if_empty and isinstance(_around(page, at), dict):
                listed = []
            after: Following = next_link(answer.headers.get("Link", ""))
            try:
                some = msgspec.convert(listed, list[object])
                found += read(some)
                seen += len(some)
                if paging:
                    after = paging.following(page, words, len(some), seen)
                    after = None if paging.is_all(answer.headers, seen) else after
            except (TypeError, ValueError, msgspec.ValidationError) as error:
                raise self._verdicts.of_another_form("", answer.status, error) from error
            if not after:
                return found
            if isinstance(after, str):
                path, asked, words = self._same_place(path, after), {}, {}
            else:
                words = {**words, **after}
        raise ProviderError(f"it has more than {_MOST_PAGES} pages of {path}")

    async def delete(
        self,
        path: str,
        *,
        query: Query | None = None,
        json: object = None,
        expected: Collection[int] = _GONE,
    ) -> None:
        """Delete what is at ``path``, unless it is gone already (404, 410)."""
        await self.send("DELETE", path, query=query, json=json, expected=expected)

    async def send(
        self,
        method: str,
        path: str = "",
        *,
        query: Query | None = None,
        json: object = None,
        form: Query | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        plain: bool = False,
        where: str = "",
        repeatable: bool | None = None,
        not_done: Collection[int] = _NOT_DONE,
        expected: Collection[int] = _SUCCESS,
        refusals: Refusals | None = None,
        also: Refusals | None = None,
    ) -> ApiAnswer:
        """Send a request until it is answered with one of the statuses ``expected``.

        That is as often as :func:`with_retries` does. ``path`` is relative to the base, or a URL.
        The body is ``json``, ``form`` or ``body``. A ``plain`` request has neither token nor
        signature, as a login.

        ``repeatable`` says that doing it twice is the same as doing it once, as for GET and
        DELETE: then every 5xx and every broken connection is tried again. Otherwise only what
        proves that nothing was done is: no connection, a status of ``not_done``, or a refusal
        that says ``again``. Retry-After is obeyed up to 60 seconds.

        Raises what ``refusals``, or else the client's, with ``also`` over them, have for a code in
        the body, for its words or for the status, in this order, else ProviderQuotaError for 429,
        ProviderUnavailableError for 5xx and for no answer, ProviderError for anything else.
        Messages begin with ``where`` if it is given. ``changed_nothing`` of an error is right for
        what is not ``repeatable``: an earlier attempt that may have been done is the last one then.
        """
        table = {**(self._refusals if refusals is None else refusals), **(also or {})}
        repeatable = method in _REPEATABLE if repeatable is None else repeatable
        if json is not None or form is not None:
            body = Body.json(json) if form is None else Body.form(form)
        request = self._request(method, path, query, body, headers)

        async def attempt() -> Reply:
            return await self._exchange(request, table, plain=plain)

        def again(reply: Reply) -> bool:
            _, refusal = self._verdicts.judge(reply, table)
            if refusal:
                return refusal.again
            allowed = repeatable or reply.status == LIMITED or reply.status in not_done
            return allowed and is_failure(reply.status)

        begin = f"{where}: " if where else ""
        try:
            reply = await with_retries(
                attempt, again, repeatable=repeatable, sleep=self._sleep, now=self._now
            )
        except NoReplyError as error:
            raise self._verdicts.no_answer(begin, error, repeatable=repeatable) from error
        self._verdicts.require(reply, table, begin=begin, expected=expected, not_done=not_done)
        return ApiAnswer(reply.status, reply.body, reply.headers)

    def listed(self, answer: ApiAnswer, of: type[T], at: str) -> list[T]:
        """Return the list at a place in an answer. Raises ProviderError if there is none."""
        try:
            return msgspec.convert(place_in(self.read(answer, object), at), list[of])  # type: ignore[valid-type]
        except msgspec.ValidationError as error:
            raise self._verdicts.of_another_form("", answer.status, error) from error

    def read(self, answer: ApiAnswer, into: type[T], *, where: str = "") -> T:
        """Decode an answer: as XML if ``into`` is Element, else as JSON.

        Raises ProviderError if it is none, or lacks what ``into`` has. The error does not repeat
        the answer, which may hold the key that was asked for.
        """
        begin = f"{where}: " if where else ""
        try:
            if into is ET.Element:
                return cast("T", parse_xml(answer.body))
            return msgspec.json.decode(answer.body, type=into)
        except msgspec.ValidationError as error:
            raise self._verdicts.of_another_form(begin, answer.status, error) from error
        except (*_NOT_JSON, ET.ParseError) as error:
            reason = "not XML" if into is ET.Element else "not JSON"
            reason = WEB_PAGE if is_web_page(answer.body) else reason
            raise ProviderError(
                f"{begin}the answer with status {answer.status} is {reason}{self._url_advice}"
            ) from error

    def _request(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: Body | None,
        headers: Mapping[str, str] | None,
    ) -> ApiRequest:
        url, asked = path, query or {}
        if not path.startswith(("https://", "http://")):
            url = f"{self._base}/{path.lstrip('/')}" if path else self._base
            asked = {**self._query, **asked}
        if words := {key: value for key, value in asked.items() if value is not None}:
            url += ("&" if "?" in url else "?") + urlencode(words, doseq=True)
        whole = {**self._headers, **(headers or {})}
        if body:
            whole["Content-Type"] = body.content_type
        return ApiRequest(method, url, whole, body.content if body else b"")

    async def _exchange(self, request: ApiRequest, table: Refusals, *, plain: bool) -> Reply:
        if plain or self._token is None:
            return await self._exchange_once(request if plain else self._signed(request))
        token = await self._fresh(self._token)
        reply = await self._exchange_once(self._signed(self._token.apply(request, token)))
        _, refusal = self._verdicts.judge(reply, table)
        if refusal is None or refusal.kind is not ProviderCredentialsError:
            return reply
        self._token.forget(token)
        token = await self._fresh(self._token)
        return await self._exchange_once(self._signed(self._token.apply(request, token)))

    async def _fresh(self, token: TemporaryKey[T]) -> T:
        key = await token.get()
        if isinstance(key, str):  # else whoever fetches it hides its parts
            self.hide(key)
        return key

    def _signed(self, request: ApiRequest) -> ApiRequest:
        return self._sign(request) if self._sign else request

    async def _exchange_once(self, request: ApiRequest) -> Reply:
        async with self.pace.turn():
            return await self._client.exchange(
                request.method,
                request.url,
                content=request.content or None,
                headers=request.headers,
            )

    def _same_place(self, path: str, following: str) -> str:
        """Return the next page's URL. Raises ProviderError for one that would get our key.

        Services behind a proxy call themselves http; who was asked by https stays with that.
        """
        here = self._request("GET", path, None, None, None).url
        url = urljoin(here, following)
        if here.startswith("https:") and url.startswith("http:"):
            url = f"https:{url.removeprefix('http:')}"
        if urlsplit(url)[:2] != urlsplit(here)[:2]:
            target = sanitize(url, secrets=self._secrets)
            raise ProviderError(f"its next page is somewhere else: {target}")
        return url


def _around(page: object, place: str) -> object:
    """Return what has, or lacks, the last step of a place."""
    above = place.rpartition(".")[0]
    return place_in(page, above) if above else page
