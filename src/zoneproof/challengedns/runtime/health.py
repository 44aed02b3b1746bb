"""Asks the running service, at the addresses of its configuration, whether it does its work."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import dns.exception
import dns.message
import dns.query
from cryptography import x509

from zoneproof.challengedns.api.certificate import validity_remark
from zoneproof.challengedns.config import ApiConfig, Config
from zoneproof.challengedns.secondaries.exchange import serial_in
from zoneproof.core.names import DomainName
from zoneproof.serving.sockets import Endpoint

_ASK_SECONDS = 2.0
_HTTP_SECONDS = 5.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def ailments(config: Config) -> Iterator[str]:
    """Yield a line for each address where the service does not answer as it should."""
    for endpoint in config.dns.listen:
        if not answers_dns(endpoint, config):
            yield f"DNS at {endpoint} does not answer for {config.zones[0].name}"
    yield from api_ailments(config)


def api_ailments(config: Config) -> Iterator[str]:
    """Yield a line for each address where the API does not answer that all is well."""
    for endpoint in config.api.listen:
        if endpoint.port and (what := _api_ailment(endpoint, config.api)):
            yield f"the API at {endpoint} {what}"


def remarks(config: Config) -> Iterator[str]:
    """Yield a line for each address where clients refuse the certificate, or soon will.

    The service can do nothing about it by being restarted, and DNS answers all the same.
    """
    for endpoint in config.api.listen if config.api.has_tls else ():
        try:
            pem = ssl.get_server_certificate(
                (_host(endpoint), endpoint.port), timeout=_HTTP_SECONDS
            )
            leaf = x509.load_pem_x509_certificate(pem.encode())
        except (OSError, ValueError) as error:
            yield f"the API at {endpoint} shows no certificate: {error}"
            continue
        where = f"the certificate of the API at {endpoint}"
        if config.api.auto is not None and leaf.issuer == leaf.subject:
            yield f"{where} is an untrusted one: see the service's log"
        elif remark := validity_remark(leaf, datetime.now(UTC)):
            yield f"{where} {remark}"


def answers_dns(endpoint: Endpoint, config: Config) -> bool:
    """Tell whether somebody has authority over our zone there; that will be this service."""
    return serial_at(endpoint, config.zones[0].name) is not None


def serial_at(endpoint: Endpoint, zone: DomainName) -> int | None:
    """Return the serial of a zone there, None if nobody has authority over it."""
    if not endpoint.port:
        return None
    question = dns.message.make_query(zone.fqdn, "SOA")
    try:
        reply = dns.query.udp(question, _host(endpoint), port=endpoint.port, timeout=_ASK_SECONDS)
    except (OSError, dns.exception.DNSException):
        return None
    serial = serial_in(reply)
    return serial if isinstance(serial, int) else None


def _api_ailment(endpoint: Endpoint, config: ApiConfig) -> str:
    host, port = _host(endpoint), endpoint.port
    connection = http.client.HTTPConnection(host, port, timeout=_HTTP_SECONDS)
    if config.has_tls:
        # The name on the certificate is another one than the address that is asked.
        trusting = ssl._create_unverified_context()  # noqa: S323, SLF001
        connection = http.client.HTTPSConnection(
            host, port, timeout=_HTTP_SECONDS, context=trusting
        )
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer: {getattr(error, 'strerror', None) or error}"
    finally:
        connection.close()
    return "" if status == HTTPStatus.OK else f"answers {status} to /health: see the service's log"


def _host(endpoint: Endpoint) -> str:
    return _ANY_ADDRESS.get(endpoint.host, endpoint.host)
