"""Requests to a cluster's API, with the credential and the trust of a :class:`ClusterAccess`."""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from collections.abc import Collection, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from zoneproof.core.aio import Closing
from zoneproof.core.errors import KubernetesError
from zoneproof.core.http import (
    HttpClient,
    NoReplyError,
    Now,
    Reply,
    Sleep,
    error_text,
    utc_now,
    with_retries,
)
from zoneproof.core.text import sanitize
from zoneproof.kubernetes.access import ClusterAccess, ClusterCredential

T = TypeVar("T")

_SECONDS = 30.0  # for one exchange
_APPLY = "application/apply-patch+yaml"  # of which JSON is a part
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_MEANINGS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "it does not accept the credentials",
    HTTPStatus.FORBIDDEN: "the credentials do not allow this",
    HTTPStatus.CONFLICT: "it has changed in the meantime",
}


class _Allowed(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Allowed


class KubernetesClient(Closing):
    """A client of one cluster; use it as a context manager, or close it.

    The server's certificate is always verified. The credential is asked for before each request, so
    that tokens may be replaced all the time; one that is refused is got anew once. Every method
    raises KubernetesError, whose message begins with the cluster's address.
    """

    def __init__(
        self, access: ClusterAccess, *, sleep: Sleep = asyncio.sleep, now: Now = utc_now
    ) -> None:
        self.access = access
        self._server = access.server.rstrip("/")
        self._sleep, self._now = sleep, now
        self._http: HttpClient | None = None
        self._identity = (b"", b"")  # the client certificate of the connections, and its key

    async def close(self) -> None:
        """Close all connections."""
        if self._http:
            await self._http.close()
            self._http = None

    async def get(
        self, path: str, into: type[T], *, query: Mapping[str, str] | None = None
    ) -> T | None:
        """Return what is at a path, such as ``/api/v1/nodes``; None if there is nothing (404)."""
        reply = await self.send("GET", path, query=query, expected=(200, 404), repeatable=True)
        return None if reply.status == HTTPStatus.NOT_FOUND else self.read(reply, into)

    async def apply(self, path: str, document: object, *, manager: str = "zoneproof") -> Reply:
        """Make or change an object by server-side apply, as a field manager that gets its way."""
        return await self.send(
            "PATCH",
            path,
            body=document,
            content_type=_APPLY,
            query={"fieldManager": manager, "force": "true"},
            repeatable=True,
        )

    async def may(self, verb: str, resource: str, namespace: str, *, name: str = "") -> bool:
        """Tell whether these credentials may do something with a resource of the core group."""
        attributes = {"namespace": namespace, "verb": verb, "resource": resource, "name": name}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {k: v for k, v in attributes.items() if v}},
        }
        reply = await self.send("POST", _REVIEWS, body=review, repeatable=True)
        return self.read(reply, _Review).status.allowed

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
        expected: Collection[int] = (200, 201, 202),
        repeatable: bool = False,
    ) -> Reply:
        """Send a request, again if that may help and is ``repeatable``; ``body`` becomes JSON."""
        url = f"{self._server}{path}" + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else msgspec.json.encode(body)
        secrets: set[str] = set()

        async def once() -> Reply:
            credential = await self.access.credentials.get()
            if credential.token:
                secrets.add(credential.token)
            headers = {"Accept": "application/json"}
            if content is not None:
                headers["Content-Type"] = content_type
            if credential.token:
                headers["Authorization"] = f"Bearer {credential.token}"
            http = await self._connections(credential)
            return await http.exchange(method, url, content=content, headers=headers)

        async def attempt() -> Reply:
            reply = await once()
            if reply.status == HTTPStatus.UNAUTHORIZED and self.access.credentials.forget():
                reply = await once()
            return reply

        def again(reply: Reply) -> bool:
            if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
                return True
            return repeatable and reply.status >= 500

        try:
            reply = await with_retries(
                attempt, again, repeatable=repeatable, sleep=self._sleep, now=self._now
            )
        except NoReplyError as error:
            raise self._error(sanitize(error.message, limit=500, secrets=secrets)) from error
        if reply.status in expected:
            return reply
        refused = f"it refused the request with status {reply.status}"
        meaning = _MEANINGS.get(reply.status, refused)
        raise self._error(f"{meaning}, it says: {error_text(reply.body, secrets)}")

    def read(self, reply: Reply, into: type[T]) -> T:
        """Decode what was answered; the error does not repeat it, because it may be a Secret."""
        try:
            return msgspec.json.decode(reply.body, type=into)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._error(
                f"the answer with status {reply.status} is not what the API answers: check the"
                " server's address"
            ) from error

    def _error(self, message: str) -> KubernetesError:
        return KubernetesError(f"Kubernetes at {self._server}: {message}")

    async def _connections(self, credential: ClusterCredential) -> HttpClient:
        identity = credential.certificate, credential.key
        if self._http is None or identity != self._identity:
            await self.close()
            tls = self._trust(credential) if self._server.startswith("https:") else None
            self._http = HttpClient(seconds=_SECONDS, tls=tls, bundle_setting="the cluster's CA")
            self._identity = identity
        return self._http

    def _trust(self, credential: ClusterCredential) -> ssl.SSLContext | None:
        if not self.access.ca and not credential.certificate:
            return None
        try:
            ca = self.access.ca.decode("ascii", "replace") if self.access.ca else None
            context = ssl.create_default_context(cadata=ca)
            # Strict by default from Python 3.13 on, which the CAs of many clusters do not stand.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        except (ssl.SSLError, ValueError) as error:
            raise self._error("its CA has no certificates in PEM form") from error
        if credential.certificate:
            try:
                _load(context, credential)
            except (ssl.SSLError, ValueError) as error:
                raise self._error(
                    "the client certificate cannot be used: it and its key must be PEM, and belong"
                    " together"
                ) from error
        return context


def _load(context: ssl.SSLContext, credential: ClusterCredential) -> None:
    """Give a context a client certificate, for which OpenSSL wants a file."""
    descriptor, name = tempfile.mkstemp()  # readable by this user alone
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(credential.certificate.rstrip() + b"\n" + credential.key)
        context.load_cert_chain(name, password=lambda: b"")  # which asks nobody
    finally:
        Path(name).unlink()
