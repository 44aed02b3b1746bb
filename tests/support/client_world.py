"""A CA, its resolver, an administrator's zone, and the challenge service that answers for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

from tests.support.challenge_service import Service
from tests.support.imported_python import imported_python
from tests.support.name_servers import common_port
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET
from tests.support.world import World, open_world, zone_text

DOMAIN = "example.com"
NAMES = (DOMAIN, f"*.{DOMAIN}")
CHALLENGE_NAME = f"_acme-challenge.{DOMAIN}"
TENANT = "team"
SERVICE_ZONE = "auth.example.net"

_SERVICE = "127.0.0.2"

_CONFIG = """
[dns]
listen = ["{address}:{port}"]
workers = 1
[api]
listen = ["127.0.0.1:0"]
open_registration = true
[service]
user = "root"
[[zones]]
name = "auth.example.net"
nameservers = ["ns1.auth.example.net"]
hostmaster = "hostmaster@example.net"
records = "ns1 A {address}"
"""
_PLUGINS = ("rfc2136._internal.dns_rfc2136", "acmedns.dns_acmedns")  # a fork cannot share lego
_IMPORTED = ("certbot._internal.main", *(f"certbot_dns_{each}" for each in _PLUGINS))
_DELEGATION = f"auth NS ns1.auth\nns1.auth A {_SERVICE}"


@dataclass
class ClientWorld(World):
    """The servers; ``service`` answers for a zone that ``knot`` delegates.

    It takes registrations without a licence key, and with the one of its tenant. What is in
    ``opened`` ends with the servers.
    """

    service: Service
    opened: ExitStack
    licence_key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._administer("tenant", "create", TENANT)
        self.licence_key = json.loads(self._administer("key", "create", TENANT))["key"]

    @cached_property
    def python(self) -> list[str]:
        """The command that runs certbot and its hooks, as Python would."""
        return self.opened.enter_context(imported_python(self.folder, *_IMPORTED))

    def create_cname(self, target: str) -> None:
        """Let the challenge name lead to ``target`` alone, as its administrator would."""
        keyring = dns.tsigkeyring.from_text({TSIG_NAME: TSIG_SECRET})
        update = dns.update.UpdateMessage(DOMAIN, keyring=keyring, keyalgorithm=TSIG_ALGORITHM)
        update.replace(f"{CHALLENGE_NAME}.", 60, "CNAME", f"{target}.")
        reply = dns.query.tcp(update, self.knot.address, port=self.knot.port, timeout=5)
        assert reply.rcode() == dns.rcode.NOERROR, reply

    def registration(self, fulldomain: str) -> dict[str, Any]:
        """Return what the service's operator sees of a registration."""
        subdomain = fulldomain.partition(".")[0]
        shown: dict[str, Any] = json.loads(self._administer("registration", "show", subdomain))
        return shown

    def _administer(self, *arguments: str) -> str:
        config = f"--config={self.service.config}"
        done = self.run("challenge", *arguments, "--json", config)
        assert done.status == 0, done.stderr
        return done.stdout


@contextmanager
def open_client_world(folder: Path) -> Iterator[ClientWorld]:
    """Start the servers."""
    zones = {
        DOMAIN: zone_text(DOMAIN),
        "example.net": zone_text("example.net", _DELEGATION),
    }
    port = common_port("127.0.0.1", _SERVICE)  # the one port of all authoritative servers
    config = folder / "zoneproof.toml"
    config.write_text(_CONFIG.format(address=_SERVICE, port=port))
    # certbot gives up at the second rejected nonce of a request.
    environment = {"PEBBLE_WFE_NONCEREJECT": "0"}
    stubs = {SERVICE_ZONE: [f"{_SERVICE}@{port}"]}
    with (
        ExitStack() as opened,
        Service(config) as service,
        open_world(folder, zones, stubs=stubs, port=port, pebble_environment=environment) as world,
    ):
        yield ClientWorld(**vars(world), service=service, opened=opened)
