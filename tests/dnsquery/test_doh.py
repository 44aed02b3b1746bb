"""DNS over HTTPS, against a small server that follows RFC 8484."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.fake_dns import reply
from tests.support.name_servers import name
from tests.support.self_signed import key_pem, self_signed
from zoneproof.core.errors import DnsServerError, DnsUnreachableError
from zoneproof.dnsquery import Resolver, Status, parse_server
from zoneproof.testing.ports import free_port

DNS = "application/dns-message"


class Handler(BaseHTTPRequestHandler):
    """RFC 8484 section 4: a POST whose body is the question, and what can be wrong with it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        question = dns.message.from_wire(body)
        correct = self.headers["content-type"] == self.headers["accept"] == DNS
        status, kind = (200 if correct and question.id == 0 else 400), DNS
        answer = reply(question, "www.example.com A 192.0.2.7", recursive=True).to_wire()
        match self.path:
            case "/nxdomain":
                answer = reply(question, rcode=dns.rcode.NXDOMAIN, recursive=True).to_wire()
            case "/servfail":
                answer = reply(question, rcode=dns.rcode.SERVFAIL, recursive=True).to_wire()
            case "/broken":
                status = 500
            case "/html":
                kind = "text/html"
            case "/junk":
                answer = b"junk"
            case "/endless":
                answer = bytes(1_000_000)
            case "/elsewhere":
                status = 302
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(answer)))
        if status == 302:
            self.send_header("location", "/dns-query")
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of these tests."""


@contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[str]:
    server = QuietServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve() as url:
        yield url


async def test_a_question_is_answered(url: str) -> None:
    async with Resolver([parse_server(f"{url}/dns-query")]) as resolver:
        for _ in range(3):
            answer = await resolver.query(name("www.example.com"), "A")
            assert answer.addresses == ("192.0.2.7",)


async def test_nxdomain_is_an_answer_and_servfail_an_error(url: str) -> None:
    async with Resolver([parse_server(f"{url}/nxdomain")]) as resolver:
        assert (await resolver.query(name("www.example.com"), "A")).status is Status.NXDOMAIN
    async with Resolver([parse_server(f"{url}/servfail")]) as resolver:
        with pytest.raises(DnsServerError, match="SERVFAIL"):
            await resolver.query(name("www.example.com"), "A")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("broken", "HTTP 500"),
        ("elsewhere", "HTTP 302"),
        ("html", "not application/dns-message"),
        ("junk", "not a reply to the question"),
        ("endless", "larger than 63 KiB"),
    ],
)
async def test_what_is_no_dns_answer_is_an_error_that_names_the_url(
    url: str, path: str, reason: str
) -> None:
    async with Resolver([parse_server(f"{url}/{path}")]) as resolver:
        with pytest.raises(DnsUnreachableError, match=reason) as error:
            await resolver.query(name("www.example.com"), "A")
    assert f"{url}/{path}" in error.value.message
    assert "\n" not in error.value.message


async def test_the_next_server_is_asked_when_one_is_down(url: str) -> None:
    down = parse_server(f"http://127.0.0.1:{free_port()}/dns-query")
    async with Resolver([down, parse_server(f"{url}/dns-query")]) as resolver:
        assert (await resolver.query(name("www.example.com"), "A")).addresses == ("192.0.2.7",)


def make_certificate(folder: Path) -> Path:
    made, key = self_signed("127.0.0.1")
    path = folder / "both.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM) + key_pem(key))
    return path


async def test_the_servers_certificate_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with serve(context) as url:
        async with Resolver([parse_server(f"{url}/dns-query")]) as resolver:
            trusted = r"its CA is a private one, add that CA to those that this machine trusts"
            with pytest.raises(DnsUnreachableError, match=trusted):
                await resolver.query(name("www.example.com"), "A")
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        async with Resolver([parse_server(f"{url}/dns-query")]) as resolver:
            answer = await resolver.query(name("www.example.com"), "A")
        assert answer.addresses == ("192.0.2.7",)
