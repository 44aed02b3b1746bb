"""moto, which does what AWS does, as a server; it is imported only by the tests that run it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.request import Request, urlopen


@contextmanager
def moto_server() -> Iterator[str]:
    """Run moto until the block ends, with nothing in it; gives its URL. It takes any key."""
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        url = f"http://{host}:{port}"
        # What it holds is the process's, and not the server's.
        urlopen(Request(f"{url}/moto-api/reset", method="POST"), timeout=10).close()
        yield url
    finally:
        running.stop()


def route53_zones() -> dict[str, Any]:
    """Return moto's hosted zones by their ids, from its memory."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.route53.models import route53_backends

    zones: dict[str, Any] = route53_backends[DEFAULT_ACCOUNT_ID]["aws"].zones
    return zones


def route53_client(url: str) -> Any:
    """Return boto3's client for Route 53 at moto."""
    key = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    return import_module("boto3").client("route53", endpoint_url=url, **key)
