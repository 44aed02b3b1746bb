"""What cert-manager sends, byte for byte, through the API server that signs in as front proxy.

The bytes are those of Go's encoding/json for ChallengePayload (cert-manager 1.21,
pkg/acme/webhook/apis/acme/v1alpha1/types.go): the fields in its order, an empty uid, and a line
break at the end.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h11

from tests.certmanager.pki import Authority

GROUP = "acme.example.com"
CERT_MANAGER = "system:serviceaccount:cert-manager:cert-manager"
GROUPS = ("system:serviceaccounts", "system:serviceaccounts:cert-manager", "system:authenticated")
SOLVER = f"/apis/{GROUP}/v1alpha1/zoneproof"
SERVICE = "zoneproof-webhook.cert-manager.svc"
_GO_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


@dataclass(frozen=True)
class Challenge:
    """A challenge of an Issuer whose solver has ``config``."""

    config: Any
    dns_name: str = "example.com"
    key: str = "v" * 43
    fqdn: str = ""  # with a dot at the end; the challenge name if empty
    zone: str = "example.com."
    namespace: str = "shop"
    ambient: bool = False
    type: str = "dns-01"

    def payload(self, action: str) -> bytes:
        """Return the body of a request."""
        name = self.dns_name.removeprefix("*.")
        request = {
            "uid": "",
            "action": action,
            "type": self.type,
            "dnsName": self.dns_name,
            "key": self.key,
            "resourceNamespace": self.namespace,
            "resolvedFQDN": self.fqdn or f"_acme-challenge.{name}.",
            "resolvedZone": self.zone,
            "allowAmbientCredentials": self.ambient,
            "config": self.config,
        }
        payload = {
            "kind": "ChallengePayload",
            "apiVersion": "webhook.acme.cert-manager.io/v1alpha1",
            "request": request,
        }
        text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
        for char, escape in _GO_ESCAPES.items():
            text = text.replace(char, escape)
        return f"{text}\n".encode()

    def but(self, **changed: Any) -> Challenge:
        """Return another one."""
        return replace(self, **changed)


@dataclass(frozen=True)
class Answer:
    """What the webhook answers."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Outcome:
    """What cert-manager makes of an answer, as its solver does (pkg/issuer/acme/dns/webhook)."""

    answer: Answer
    response: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        assert self.answer.status == 201, self.answer.body
        self.response = self.answer.json["response"]

    @property
    def problem(self) -> str:
        """The sentence in the Challenge's events, empty for a success."""
        if self.response["success"]:
            assert "status" not in self.response
            return ""
        assert self.response["status"]["status"] == "Failure"
        return str(self.response["status"]["message"])


class FrontProxy:
    """The API server's side: it asks an extension API server at 127.0.0.1 for its users.

    It verifies the server by the name of the Service, as kube-aggregator does, and shows the
    certificate of a ``common_name`` by the CA ``clients``; none without a CA.
    """

    def __init__(
        self,
        port: int,
        serving: Authority,
        clients: Authority | None,
        folder: Path,
        common_name: str = "front-proxy-client",
    ) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cadata=serving.pem)
        if clients:
            pair = clients.write(folder, common_name)
            self._tls.load_cert_chain(pair.certificate, pair.key)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Connect, and close the connection at the end of the block."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._tls, server_hostname=SERVICE
        )
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        user: str = CERT_MANAGER,
        more: Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """Send a request for a user, or for none (""), on a connection of its own."""
        async with self.connection() as connection:
            return await connection.send(method, path, body, user=user, more=more)

    async def solve(self, action: str, challenge: Challenge) -> Outcome:
        """Do as cert-manager does."""
        return Outcome(await self.send("POST", SOLVER, challenge.payload(action)))

    async def present(self, challenge: Challenge) -> str:
        """Return the problem, empty for none."""
        return (await self.solve("Present", challenge)).problem

    async def clean_up(self, challenge: Challenge) -> str:
        """Return the problem, empty for none."""
        return (await self.solve("CleanUp", challenge)).problem


class Connection:
    """An open connection of the front proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)

    @property
    def certificate(self) -> bytes:
        """What the server has shown (DER)."""
        shown: bytes = self._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return shown

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        user: str = CERT_MANAGER,
        more: Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """Send a request and read its answer. Raises OSError for a connection that has ended."""
        headers = [("Host", SERVICE), ("Content-Length", str(len(body)))]
        if body:
            headers += [("Accept", "application/json, */*"), ("Content-Type", "application/json")]
        if user:
            headers += [("X-Remote-User", user)]
            headers += [("X-Remote-Group", group) for group in GROUPS]
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        for sent in (
            h11.Request(method=method, target=path, headers=[*headers, *more]),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self._writer.write(self._http.send(sent) or b"")
        await self._writer.drain()
        status, content = 0, b""
        while True:
            event: object = self._http.next_event()
            if isinstance(event, h11.EndOfMessage):
                return Answer(status, content)
            if event is h11.NEED_DATA:
                data = await self._reader.read(65536)
                if not data and not status:
                    raise ConnectionResetError("the server has ended the connection")
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                content += bytes(event.data)
