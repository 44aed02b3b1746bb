"""lego's provider for Namecheap, as certbot-dns-multi contains it, at a fake of the API.

Its address is fixed, so it goes through a proxy that leads every connection to the fake, whose
certificate it trusts.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.fake_api import FakeApi
from tests.support.fake_http import FakeHttpServer, Reply, Request, fake_http_server
from tests.support.self_signed import key_pem, self_signed

_HOSTS = ("api.namecheap.com", "dynamicdns.park-your-domain.com")
_CHILD = """
import json, sys, time
from lego_bridge import cmd
for line in sys.stdin:
    start = time.perf_counter()
    for action in json.loads(line):
        answer = json.loads(cmd(json.dumps(action)))
        if not answer["success"]:
            sys.exit(answer["error"])
    print(time.perf_counter() - start, flush=True)
"""


@dataclass(frozen=True)
class Lego:
    """lego in a process of its own, and the server that it talks to."""

    server: FakeHttpServer
    process: asyncio.subprocess.Process

    async def present(self, names: Sequence[str]) -> float:
        """Publish a value for each name, and return the seconds that it took."""
        return await self._do("perform", names)

    async def clean_up(self, names: Sequence[str]) -> float:
        """Remove the values."""
        return await self._do("cleanup", names)

    async def _do(self, action: str, names: Sequence[str]) -> float:
        return await self.send(
            [
                {"action": action, "domain": name, "token": name, "key_authorization": name}
                for name in names
            ]
        )

    async def send(self, actions: Sequence[object]) -> float:
        """Do all that, one after another as certbot does; returns the seconds."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps(actions).encode() + b"\n")
        line = await stdout.readline()
        if not line:
            sys.exit("lego at Namecheap's fake failed: its message is above")
        return float(line)


@asynccontextmanager
async def lego_namecheap(folder: Path, api: FakeApi, key: str) -> AsyncIterator[Lego]:
    """Run lego for the fake until the block ends."""

    def handler(request: Request) -> Reply | bytes | None:
        url = urlsplit(request.path)
        if url.path == "/getip":
            return Reply(200, b"198.51.100.7")
        if request.method == "GET":  # what the fake reads from a form
            request = replace(request, method="POST", path=url.path, body=url.query.encode())
        return api(request)

    bundle, context = _certificate(folder)
    async with fake_http_server(handler, context) as server, _proxy(server.url) as proxy:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _CHILD,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "HTTPS_PROXY": proxy,
                "SSL_CERT_FILE": str(bundle),
                "LEGO_DISABLE_CNAME_SUPPORT": "true",  # it would ask the DNS for each name
            },
        )
        lego = Lego(server, process)
        try:
            credentials = {"NAMECHEAP_API_USER": "somebody", "NAMECHEAP_API_KEY": key}
            await lego.send(
                [{"action": "configure", "provider": "namecheap", "credentials": credentials}]
            )
            yield lego
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    made, key = self_signed(*_HOSTS, is_ca=True)
    bundle, private = folder / "ca.pem", folder / "key.pem"
    bundle.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, private)
    return bundle, context


@asynccontextmanager
async def _proxy(url: str) -> AsyncIterator[str]:
    """Run a proxy that leads to the server at ``url``, whatever it is asked for."""
    port = urlsplit(url).port

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
