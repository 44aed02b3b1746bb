"""Writes a first configuration, with a comment on everything that somebody might want to change."""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zoneproof.core.names import DomainName
from zoneproof.serving.sockets import Endpoint

_DNS_PORT, _HTTPS_PORT = 53, 443
_BEHIND_A_PROXY = ("127.0.0.1:8080",)
_EVERYWHERE = {4: "0.0.0.0", 6: "::"}  # noqa: S104

_TEMPLATE = """\
# Zoneproof's challenge service. What is commented out is the default, or an example.
# After a change: 'zoneproof challenge serve --check', then SIGHUP or a restart.

{database}
# How long a value is answered if no client withdraws it.
# value_lifetime = "7d"

{node}[dns]
# Where DNS is answered, by UDP and TCP. [::] is IPv6 only; 0.0.0.0 is IPv4.
listen = {dns_listen}
# workers = 4             # processes; by default one per core
# value_ttl = 1           # seconds, at most 60
# rate_limit = 200        # long UDP answers per second to one network; then TCP only

[api]
# Where clients register and publish.
listen = {api_listen}
{tls}
# Anybody may register, without a licence key.
# open_registration = false
# Proxies whose X-Forwarded-For is trusted, such as ["127.0.0.1"].
# trusted_proxies = []
# cors_origins = []
# rate_limit_address = 6000       # requests per minute; 0 for no limit
# rate_limit_registration = 120

[service]
# User to switch to when started as root, once the ports are open; "root" stays root.
{user}

[log]
# format = "text"         # or "json"
# level = "info"          # debug, info, warning, error

# The operator's pages, /admin/, and the tenants', /portal/, at the API's address.
[pages]
# enabled = true
# hosts = []              # names of the API that are not in its certificate, as behind a proxy
# last_questions = true   # show when, and from which network, the DNS was last asked

# Prometheus metrics, at http://127.0.0.1:9153/metrics.
# [metrics]
# listen = "127.0.0.1:9153"

# Name servers of others that take the zones from here, and that values are waited for at.
# [[secondaries]]
# address = "198.51.100.7:53"         # is notified, and transfers from there
# key = "zoneproof-secondary"         # the name of its TSIG key, hmac-sha256
# secret_file = "secondary.secret"    # made by: (umask 077; openssl rand -base64 32 > FILE)

[[zones]]
name = {zone}
nameservers = {nameservers}
hostmaster = {hostmaster}
# Zone-file lines; names without a final dot are below the zone.
records = '''
{records}
'''
"""

_FILE = """\
# Where registrations and values are kept; relative to this file's folder.
database = {database}"""
_POSTGRES = """\
# Where registrations and values are kept, for all nodes. The password is not here, but in the file
# that 'passfile' names, in ~/.pgpass of the service's user, or in the environment's PGPASSWORD.
database = {database}"""
_NODE = """\
# This node among those that share the database. The zones below are the same at all of them.
[node]
name = {name}
# Where the other nodes ask its DNS; by default where it listens first.
{address}
# What its DNS answers from; it can always be thrown away.
replica = {replica}

"""

_AUTO = """\
# The service obtains its certificate by itself, through its own zone, and renews it.
tls = "auto"
domain = {domain}
acme_directory = {directory}
acme_email = {email}
acme_agree_tos = {agree_tos}"""
_OFF = """\
# Plain HTTP: keys are sent in clear, so use it only behind an HTTPS proxy.
tls = "off\""""


@dataclass(frozen=True)
class NodeTemplate:
    """What a person says of a node: ``others`` are the name servers of the others, and where.

    ``address`` is empty where the others ask it at its first ``dns.listen``.
    """

    name: str
    address: str
    replica: Path
    others: Mapping[DomainName, tuple[str, ...]]


@dataclass(frozen=True)
class ConfigTemplate:
    """What a person says of a new service.

    ``directory`` is a CA's short name or ACME URL. ``user`` is empty where nobody is to be named.
    ``database`` is a path, or for a ``node`` a URL.
    """

    zone: DomainName
    nameserver: DomainName
    addresses: tuple[str, ...]
    api_name: DomainName
    hostmaster: str
    dns_listen: tuple[str, ...]
    api_listen: tuple[str, ...]
    tls: Literal["auto", "off"]
    directory: str
    email: str
    agree_tos: bool
    ca_bundle: Path | None
    database: str
    user: str
    node: NodeTemplate | None = None

    def text(self) -> str:
        """Return the configuration file."""
        return _TEMPLATE.format(
            database=(_POSTGRES if self.node else _FILE).format(database=_toml(self.database)),
            node=self._node(),
            dns_listen=_toml(self.dns_listen),
            api_listen=_toml(self.api_listen),
            tls=self._tls(),
            user=f"user = {_toml(self.user)}" if self.user else '# user = "zoneproof"',
            zone=_toml(self.zone.text),
            nameservers=_toml([name.text for name in self._nameservers()]),
            hostmaster=_toml(self.hostmaster),
            records="\n".join(self._records()),
        )

    def _tls(self) -> str:
        if self.tls == "off":
            return _OFF
        names = [self.api_name.text]
        if self.node and self.nameserver.is_below(self.zone) and self.nameserver != self.api_name:
            names.append(self.nameserver.text)  # so that no two nodes ask for the same names
        text = _AUTO.format(
            domain=_toml(names if self.node else names[0]),
            directory=_toml(self.directory),
            email=_toml(self.email),
            agree_tos=_toml(self.agree_tos),
        )
        if self.ca_bundle is not None:
            text += f"\nacme_ca_bundle = {_toml(str(self.ca_bundle.absolute()))}"
        return text

    def _node(self) -> str:
        if self.node is None:
            return ""
        address = self.node.address
        return _NODE.format(
            name=_toml(self.node.name),
            address=f"address = {_toml(address)}" if address else '# address = "192.0.2.1:53"',
            replica=_toml(str(self.node.replica)),
        )

    def _nameservers(self) -> dict[DomainName, tuple[str, ...]]:
        """Return all name servers and where they are, in an order that is that of every node."""
        if self.node is None:
            return {self.nameserver: self.addresses}
        found = {self.nameserver: self.addresses, **self.node.others}
        return {
            name: tuple(sorted(found[name], key=_address_order))
            for name in sorted(found, key=lambda name: name.text)
        }

    def _records(self) -> list[str]:
        servers = self._nameservers()
        everywhere = tuple(address for each in servers.values() for address in each)
        addresses = {**servers, self.api_name: everywhere}
        return [
            f"{name.relative_to(self.zone) or '@':20} {'AAAA' if ':' in address else 'A':5}"
            f" {address}"
            for name, found in addresses.items()
            if name.is_below(self.zone)
            for address in found
        ]


def default_listen(addresses: tuple[str, ...], port: int) -> tuple[str, ...]:
    """Return where to listen so that the addresses are reached: at them, or at all of a kind.

    An address that is not this machine's belongs to a router that forwards to it.
    """
    hosts: list[str] = []
    for version, everywhere in _EVERYWHERE.items():
        own = [each for each in addresses if ipaddress.ip_address(each).version == version]
        hosts += own if all(map(_is_here, own)) else [everywhere]
    return tuple(str(Endpoint(host, port)) for host in dict.fromkeys(hosts))


def default_dns_listen(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return where to listen for DNS."""
    return default_listen(addresses, _DNS_PORT)


def default_api_listen(addresses: tuple[str, ...], tls: Literal["auto", "off"]) -> tuple[str, ...]:
    """Return where to listen for HTTPS; for plain HTTP, where only this machine comes."""
    return _BEHIND_A_PROXY if tls == "off" else default_listen(addresses, _HTTPS_PORT)


def _address_order(address: str) -> tuple[int, int]:
    found = ipaddress.ip_address(address)
    return found.version, int(found)


def _is_here(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _toml(value: object) -> str:
    # JSON's strings, lists and truth values are TOML's too.
    return json.dumps(value, ensure_ascii=False)
