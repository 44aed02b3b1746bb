"""What every request to a CA shares: its directory, the account, the key, the connections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import msgspec

from zoneproof.acme.concurrent import SharedCall
from zoneproof.acme.directory import Directory, parse_directory
from zoneproof.acme.http import Http
from zoneproof.acme.jws import POST_AS_GET, Signer
from zoneproof.acme.keys import AccountKey
from zoneproof.acme.retries import Retries
from zoneproof.acme.text import ca_at
from zoneproof.acme.transport import Transport
from zoneproof.acme.urls import check_url
from zoneproof.core.http import Reply
from zoneproof.errors import AcmeConnectionError, AcmeError


class Session:
    """Requests to one CA, signed by ``key`` for the account at ``account_url``.

    The arguments are those of :class:`~zoneproof.acme.AcmeClient`; ``ca`` is the CA's name in
    messages.
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
        transport: httpx2.AsyncBaseTransport | None,
    ) -> None:
        self.directory_url = check_url(directory_url, allow_http=allow_http)
        self.ca = ca_at(directory_url)
        self.key = key
        self.account_url = ""
        self.retries = retries
        self.http = Http(
            directory_url,
            ca_bundle=ca_bundle,
            allow_http=allow_http,
            concurrency=concurrency,
            request_seconds=request_seconds,
            transport=transport,
        )
        self._allow_http = allow_http
        self._transport = Transport(self.http, retries, concurrency)
        self._directory: Directory | None = None
        self._fetching: SharedCall[Directory] = SharedCall()

    async def close(self) -> None:
        """Close all connections."""
        await self.http.close()

    async def directory(self) -> Directory:
        """Return the directory, fetched once."""
        if self._directory is None:
            self._directory = await self._fetching(self._fetch_directory())
        return self._directory

    async def _fetch_directory(self) -> Directory:
        reply = await self.get(self.directory_url)
        return parse_directory(reply.body, self.directory_url, allow_http=self._allow_http)

    async def get(self, url: str) -> Reply:
        """Send an unsigned GET."""
        return await self._transport.get(url)

    async def post(
        self,
        url: str,
        payload: dict[str, Any] | bytes = POST_AS_GET,
        *,
        signer: Signer | None = None,
        repeatable: bool = True,
    ) -> Reply:
        """Send a signed POST, by default as the account; see :class:`Transport`."""
        return await self._transport.post(
            url,
            signer or Signer(self.key, self.required_account_url()),
            (await self.directory()).new_nonce,
            payload if isinstance(payload, bytes) else msgspec.json.encode(payload),
            repeatable=repeatable,
        )

    def use_account(self, url: str) -> None:
        """Sign as this account from now on. Raises InvalidInputError for what is no URL."""
        self.account_url = check_url(url, allow_http=self._allow_http)

    def required_account_url(self) -> str:
        """Return the account's URL. Raises AcmeError while there is none."""
        if not self.account_url:
            raise AcmeError(
                "no account is in use: register, find_account or use_account comes first"
            )
        return self.account_url

    def location_of(self, reply: Reply) -> str:
        """Return the URL of what a request created. Raises AcmeConnectionError."""
        url: str = reply.headers.get("Location", "")
        if not url:
            raise AcmeConnectionError(f"{self.ca} did not say where it put what was asked for")
        return check_url(url, allow_http=self._allow_http, given_by=self.directory_url)

    def offered(self, url: str, what: str) -> str:
        """Return an optional URL of the directory. Raises AcmeError if the CA has none."""
        if not url:
            raise AcmeError(f"{self.ca} does not offer {what}")
        return url
