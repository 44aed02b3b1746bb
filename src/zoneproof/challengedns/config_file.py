"""The challenge service's configuration file as it is written; config says what must hold in it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from zoneproof.core.secretive import Secretive
from zoneproof.serving.logs import ServerLogSettings

Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Positive = Annotated[int, Meta(ge=1, le=1_000_000)]


class DnsSection(Struct, frozen=True, forbid_unknown_fields=True):
    """``[dns]`` as written in the file."""

    listen: Annotated[list[str], Meta(min_length=1)]
    workers: Annotated[int, Meta(ge=1, le=256)] | None = None
    value_ttl: Annotated[int, Meta(ge=0, le=60)] = 1
    rate_limit: Count = 200
    tcp_connections: Positive | None = None
    tcp_idle_timeout: Positive = 10


class ApiSection(Struct, frozen=True, forbid_unknown_fields=True):
    """``[api]`` as written in the file."""

    listen: Annotated[list[str], Meta(min_length=1)]
    tls: str = "off"
    certificate: str = ""
    key: str = ""
    domain: str | list[str] = ""
    acme_directory: str = "letsencrypt"
    acme_email: str = ""
    acme_agree_tos: bool = False
    acme_ca_bundle: str = ""
    acme_resolvers: list[str] = []
    connections: Positive | None = None
    trusted_proxies: list[str] = []
    cors_origins: list[str] = []
    rate_limit_address: Count = 6000
    rate_limit_registration: Count = 120
    open_registration: bool = False


class ZoneSection(Struct, frozen=True, forbid_unknown_fields=True):
    """One of ``[[zones]]`` as written in the file."""

    name: str
    nameservers: Annotated[list[str], Meta(min_length=1)]
    hostmaster: str
    ttl: Annotated[int, Meta(ge=0, le=604_800)] = 3600
    registrations: bool = True
    records: str = ""


class MetricsSection(Struct, frozen=True, forbid_unknown_fields=True):
    """``[metrics]`` as written in the file."""

    listen: str


class NodeSection(Struct, frozen=True, forbid_unknown_fields=True):
    """``[node]`` as written in the file."""

    name: Annotated[str, Meta(max_length=63)] = ""
    address: str = ""
    replica: Annotated[str, Meta(min_length=1)] = "replica.db"


class SecondarySection(Secretive, frozen=True, forbid_unknown_fields=True):
    """One of ``[[secondaries]]`` as written in the file."""

    address: str
    key: str
    algorithm: str = "hmac-sha256"
    secret: str = ""
    secret_file: str = ""
    zones: list[str] = field(default_factory=list)
    transfer_from: list[str] = field(default_factory=list)
    name_servers: list[str] = field(default_factory=list)
    wait: str = "5s"


class PagesSection(Struct, frozen=True, forbid_unknown_fields=True):
    """``[pages]``: those of the operator and the tenants.

    ``hosts`` are names by which browsers reach them, besides those of the API's certificate;
    ``last_questions`` is whether they show when the DNS was last asked for a registration;
    ``resolvers`` are asked instead of the system's, and ``authoritative_port`` is where the name
    servers that they name answer.
    """

    enabled: bool = True
    hosts: tuple[str, ...] = ()
    last_questions: bool = True
    resolvers: tuple[str, ...] = ()
    authoritative_port: Annotated[int, Meta(ge=1, le=65535)] = 53


class ServiceSection(Struct, frozen=True, forbid_unknown_fields=True):
    """``[service]`` as written in the file."""

    user: Annotated[str, Meta(min_length=1)] | None = None


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file as written."""

    dns: DnsSection
    api: ApiSection
    zones: Annotated[list[ZoneSection], Meta(min_length=1)]
    database: str = "challenge.db"
    value_lifetime: str = "7d"
    log: ServerLogSettings = ServerLogSettings()
    metrics: MetricsSection | None = None
    service: ServiceSection = ServiceSection()
    pages: PagesSection = PagesSection()
    node: NodeSection | None = None
    secondaries: Annotated[list[SecondarySection], Meta(max_length=32)] = []
