"""The certificate that the API shows, and whether it is one of a test CA."""

from __future__ import annotations

import socket
import ssl
import urllib.request

from cryptography import x509

from tests.support.challenge_service import Service
from zoneproof.testing.pebble import Pebble

API = "api.auth.example.org"


def shown(service: Service) -> x509.Certificate:
    """Return the certificate that the API shows."""
    pem = ssl.get_server_certificate(("127.0.0.1", api_port(service)), timeout=10)
    return x509.load_pem_x509_certificate(pem.encode())


def api_port(service: Service) -> int:
    return int(service.url.rpartition(":")[2])


def root_of(pebble: Pebble) -> str:
    trust = ssl.create_default_context(cafile=str(pebble.ca_bundle))
    with urllib.request.urlopen(
        f"{pebble.management_url}/roots/0", context=trust, timeout=10
    ) as reply:
        text: str = reply.read().decode()
    return text


def verifies(service: Service, root: str) -> None:
    """Raise ssl.SSLError unless the API is who it says; it must be well, too."""
    assert health_over_tls(service, root).startswith(b"HTTP/1.1 200 ")


def health_over_tls(service: Service, root: str) -> bytes:
    """Return what the API says of itself; raise ssl.SSLError unless it is who it says."""
    context = ssl.create_default_context(cadata=root)
    with (
        socket.create_connection(("127.0.0.1", api_port(service)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=API) as secure,
    ):
        secure.sendall(b"GET /health HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: secure.recv(1000), b""))
