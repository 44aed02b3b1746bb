"""The challenge service's configuration: what its file says, checked and in the types of use."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from msgspec import structs

from zoneproof.challengedns.config_file import File, NodeSection, PagesSection, ZoneSection
from zoneproof.challengedns.secondary_config import SecondaryConfig, at_key, check_secondaries
from zoneproof.core.errors import ConfigError
from zoneproof.core.files import is_folder, is_missing
from zoneproof.core.names import DomainName, require_email
from zoneproof.core.toml import load_toml
from zoneproof.serving.limits import IPNetwork, parse_network
from zoneproof.serving.logs import ServerLogSettings
from zoneproof.serving.sockets import Endpoint

T = TypeVar("T")

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,9})([smhd])")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
POSTGRES_URL = re.compile(r"postgres(ql)?://")
_NODE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MIN_LIFETIME = 60
# Found out at once: later the service keeps to one of them, and a reread must not see that.
_CORES = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@dataclass(frozen=True)
class DnsConfig:
    """How DNS is answered: ``value_ttl`` and ``tcp_idle_timeout`` in seconds.

    ``rate_limit`` counts UDP answers in a second to one network that are much longer than their
    questions, and 0 is no limit. ``tcp_connections`` is None where the machine decides.
    """

    listen: tuple[Endpoint, ...]
    workers: int
    value_ttl: int
    rate_limit: int
    tcp_connections: int | None
    tcp_idle_timeout: int


@dataclass(frozen=True)
class AutoTls:
    """Of which names, and from which CA, the API's certificate is to be obtained.

    ``directory`` is a CA's short name or URL; ``resolvers`` are asked instead of the system's;
    ``folder`` is where account, key and certificate are kept.
    """

    domains: tuple[DomainName, ...]
    directory: str
    email: str
    agree_tos: bool
    ca_bundle: Path | None
    resolvers: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class ApiConfig:
    """How the HTTP API is served. Rate limits count requests in a minute, and 0 is no limit.

    ``connections`` is None where the machine decides.
    ``certificate`` and ``key`` are PEM files, or None; ``auto`` is how to obtain a certificate, or
    None. Without either the API is plain HTTP. With ``open_registration``
    anybody may register, without a licence key.
    """

    listen: tuple[Endpoint, ...]
    certificate: Path | None
    key: Path | None
    auto: AutoTls | None
    connections: int | None
    trusted_proxies: tuple[IPNetwork, ...]
    cors_origins: tuple[str, ...]
    rate_limit_address: int
    rate_limit_registration: int
    open_registration: bool

    @property
    def has_tls(self) -> bool:
        """Whether it speaks HTTPS."""
        return self.certificate is not None or self.auto is not None


@dataclass(frozen=True)
class ZoneConfig:
    """A zone: ``ttl`` in seconds is that of ``records``, which are zone-file lines."""

    name: DomainName
    nameservers: tuple[DomainName, ...]
    hostmaster: str
    ttl: int
    registrations: bool
    records: str


@dataclass(frozen=True)
class NodeConfig:
    """This node among those that share a database.

    ``address`` is where the others ask its DNS, or None where that is its first listen address.
    """

    name: str
    address: Endpoint | None


@dataclass(frozen=True)
class Config:
    """A configuration that makes sense. ``value_lifetime`` is in seconds.

    ``database`` is the file that DNS workers read: the database itself, or where ``postgres`` is
    the URL of one, this node's replica of it. ``metrics`` is where they are served, or None.
    ``user`` is whom root becomes, if it is said.
    """

    path: Path
    database: Path
    value_lifetime: int
    dns: DnsConfig
    api: ApiConfig
    zones: tuple[ZoneConfig, ...]
    log: ServerLogSettings
    metrics: Endpoint | None
    user: str | None
    postgres: str | None = field(default=None, repr=False)
    node: NodeConfig | None = None
    pages: PagesSection = field(default_factory=PagesSection)
    secondaries: tuple[SecondaryConfig, ...] = ()

    @property
    def api_names(self) -> tuple[DomainName, ...]:
        """The names of the API, as far as the file has them."""
        return self.api.auto.domains if self.api.auto else ()

    @property
    def registration_zone(self) -> DomainName:
        """The zone in which new registrations are made: the first that holds any."""
        return next(zone.name for zone in self.zones if zone.registrations)


def load_config(path: Path) -> Config:
    """Read and check the file. Raises ConfigError, which names the file and the key."""
    if is_missing(path):
        raise ConfigError(
            f"{path} does not exist: name the service's configuration with --config, or create one "
            "with"
            " 'zoneproof challenge init'"
        )
    file = load_toml(path, File)
    try:
        return _check(path, file)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from error


def _check(path: Path, file: File) -> Config:
    zones = tuple(_zone(section, index) for index, section in enumerate(file.zones))
    names = [zone.name for zone in zones]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"'zones': {name} is listed twice: merge the two")
    for inner in names:
        for outer in names:
            if (
                inner != outer
                and inner.is_below(outer)
                and _UUID.fullmatch(inner.labels[-len(outer.labels) - 1])
            ):
                raise ConfigError(
                    f"'zones': {inner} would hide a registration of {outer}: names that begin with"
                    " a UUID are for registrations"
                )
    if not any(zone.registrations for zone in zones):
        raise ConfigError("'zones': no zone holds registrations: remove 'registrations = false'")
    postgres, node = _node(file)
    key, text = ("database", file.database) if node is None else ("node.replica", _replica(file))
    if not Path(text).name:
        raise ConfigError(f"'{key}': '{text}' is not the name of a file")
    database = path.parent / text
    if is_folder(database):
        raise ConfigError(f"'{key}': {database} is a directory: name a file in it")
    listen = _each("dns.listen", file.dns.listen, Endpoint.parse)
    api = _api(path, file, names, _obtained(database, node))
    metrics = (
        _each("metrics.listen", [file.metrics.listen], Endpoint.parse)[0] if file.metrics else None
    )
    _require_different([*listen, *api.listen, *([metrics] if metrics else [])])
    return Config(
        path=path,
        database=database,
        value_lifetime=_duration("value_lifetime", file.value_lifetime),
        dns=DnsConfig(
            listen=listen,
            workers=file.dns.workers or _CORES,
            value_ttl=file.dns.value_ttl,
            rate_limit=file.dns.rate_limit,
            tcp_connections=file.dns.tcp_connections,
            tcp_idle_timeout=file.dns.tcp_idle_timeout,
        ),
        api=api,
        zones=zones,
        log=file.log,
        metrics=metrics,
        user=file.service.user,
        postgres=postgres,
        node=node,
        pages=structs.replace(
            file.pages,
            hosts=tuple(map(str, _each("pages.hosts", file.pages.hosts, DomainName.parse))),
        ),
        secondaries=check_secondaries(path.parent, file.secondaries, names),
    )


def _require_different(endpoints: Sequence[Endpoint]) -> None:
    for endpoint in endpoints:
        if endpoint.port and endpoints.count(endpoint) > 1:
            raise ConfigError(
                f"'dns.listen', 'api.listen' and 'metrics.listen': {endpoint} is there twice: name"
                " each address and port once"
            )


def _replica(file: File) -> str:
    return (file.node or NodeSection()).replica


def _node(file: File) -> tuple[str | None, NodeConfig | None]:
    """Return the URL of PostgreSQL and who this node is, or neither for a SQLite file."""
    if not re.match(POSTGRES_URL, file.database):
        if "://" in file.database:
            # What stands in it may be a password, so it is not repeated.
            raise ConfigError("'database': write the path of a file, or postgresql://host/database")
        if file.node is not None:
            raise ConfigError(
                "'node' is for nodes that share a database: give its URL as 'database', or remove"
                " [node]"
            )
        return None, None
    section = file.node or NodeSection()
    name = section.name or socket.gethostname().partition(".")[0].lower()
    if not _NODE_NAME.fullmatch(name):
        raise ConfigError(
            f"'node.name': '{name}' is not a valid name: use a-z, 0-9 and '-', as in a host name"
        )
    address = None
    if section.address:
        (address,) = _each("node.address", [section.address], Endpoint.parse)
    else:
        (address, *_) = _each("dns.listen", file.dns.listen, Endpoint.parse)
    if address.host in {"0.0.0.0", "::"}:  # noqa: S104
        raise ConfigError(
            "'node.address' is missing: 'dns.listen' names no address at which the other nodes can"
            " ask this one"
        )
    return file.database, NodeConfig(name, address if section.address else None)


def _obtained(database: Path, node: NodeConfig | None) -> Path:
    """Return where the API's certificate is kept: each node has one of its own."""
    name = "api-certificate" if node is None else f"api-certificate-{node.name}"
    return database.parent.absolute() / name


def _api(path: Path, file: File, zones: list[DomainName], folder: Path) -> ApiConfig:
    section = file.api
    certificate = key = None
    if section.tls not in {"off", "file", "auto"}:
        raise ConfigError(
            f"'api.tls': '{section.tls}' is not a valid value: write 'off', 'file' or 'auto'"
        )
    if section.tls == "file":
        if not (section.certificate and section.key):
            raise ConfigError("'api.tls' is 'file': give 'api.certificate' and 'api.key' too")
        certificate, key = path.parent / section.certificate, path.parent / section.key
    elif section.certificate or section.key:
        raise ConfigError("'api.certificate' and 'api.key' are used only with tls = \"file\"")
    return ApiConfig(
        listen=_each("api.listen", section.listen, Endpoint.parse),
        certificate=certificate,
        key=key,
        auto=_auto(path, file, zones, folder) if section.tls == "auto" else None,
        connections=section.connections,
        trusted_proxies=_each("api.trusted_proxies", section.trusted_proxies, parse_network),
        cors_origins=_each("api.cors_origins", section.cors_origins, _origin),
        rate_limit_address=section.rate_limit_address,
        rate_limit_registration=section.rate_limit_registration,
        open_registration=section.open_registration,
    )


def _auto(path: Path, file: File, zones: list[DomainName], folder: Path) -> AutoTls:
    section = file.api
    texts = [section.domain] if isinstance(section.domain, str) else section.domain
    if not any(texts):
        raise ConfigError("'api.tls' is 'auto': give the API's name as 'api.domain' too")
    domains = _each("api.domain", texts, DomainName.parse)
    for domain in domains:
        if domain.is_wildcard or not any(domain.is_below(zone) for zone in zones):
            raise ConfigError(
                f"'api.domain': {domain} is not a name in the service's zones, where"
                ' tls = "auto" needs it: use another name, or tls = "file"'
            )
    if section.acme_email:
        _each("api.acme_email", [section.acme_email], require_email)
    return AutoTls(
        domains=domains,
        directory=section.acme_directory,
        email=section.acme_email,
        agree_tos=section.acme_agree_tos,
        ca_bundle=path.parent / section.acme_ca_bundle if section.acme_ca_bundle else None,
        resolvers=tuple(section.acme_resolvers),
        folder=folder,
    )


def _zone(section: ZoneSection, index: int) -> ZoneConfig:
    (name,) = _each(f"zones[{index}].name", [section.name], DomainName.parse)
    if name.is_wildcard:
        raise ConfigError(f"'zones[{index}].name': a zone's name cannot begin with '*'")
    return ZoneConfig(
        name=name,
        nameservers=_each(f"zones[{index}].nameservers", section.nameservers, DomainName.parse),
        hostmaster=section.hostmaster,
        ttl=section.ttl,
        registrations=section.registrations,
        records=section.records,
    )


def _each(key: str, texts: Iterable[str], parse: Callable[[str], T]) -> tuple[T, ...]:
    with at_key(key):
        return tuple(map(parse, texts))


def _origin(text: str) -> str:
    if text != "*" and not re.fullmatch(r"https?://[^/\s]+", text):
        raise ValueError(f"'{text}' is not an origin: write it as https://www.example.org, or '*'")
    return text


def _duration(key: str, text: str) -> int:
    match = _DURATION.fullmatch(text)
    if not match:
        raise ConfigError(f"'{key}': '{text}' is not a duration: write it as 7d, 12h, 30m or 90s")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds < _MIN_LIFETIME:
        raise ConfigError(f"'{key}': {text} is too short: a CA needs at least {_MIN_LIFETIME}s")
    return seconds
