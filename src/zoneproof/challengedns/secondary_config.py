"""The secondary name servers of a configuration: where they are, and with which key they come."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from zoneproof.challengedns.config_file import SecondarySection
from zoneproof.core import files
from zoneproof.core.errors import ConfigError, InvalidInputError, ZoneproofError
from zoneproof.core.names import DomainName
from zoneproof.serving.limits import IPNetwork, parse_network
from zoneproof.serving.sockets import Endpoint

ALGORITHMS: Final = ("hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")
"""Those of RFC 8945 section 6 that may still be used."""

_LEAST_SECRET = 16  # bytes
_WAIT = re.compile(r"(\d{1,2})s")
_MOST_WAIT = 30
_KEY_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_MOST_NAME = 200


@dataclass(frozen=True)
class SecondaryConfig:
    """A name server that takes zones from here, and that changes are waited for at.

    It is notified at ``address``, and transfers ``zones`` from there or from ``transfer_from``,
    with the TSIG key named ``key`` (lower case, without a trailing dot). Its serial is asked at
    ``name_servers``. A change waits ``wait`` seconds for it, at most.
    """

    address: Endpoint
    key: str
    algorithm: str
    zones: tuple[DomainName, ...]
    transfer_from: tuple[IPNetwork, ...]
    name_servers: tuple[Endpoint, ...]
    wait: int
    secret_file: Path | None
    inline_secret: str = field(repr=False)

    @property
    def name(self) -> str:
        """How it is called in logs, metrics and lists."""
        return str(self.address)

    def secret(self) -> bytes:
        """Return the key's secret. Raises ConfigError, naming the secondary."""
        try:
            return _decoded(self._text())
        except ZoneproofError as error:
            raise ConfigError(f"secondary {self.name}: {error.message}") from error

    def _text(self) -> str:
        if self.secret_file is None:
            return self.inline_secret
        text = files.read(self.secret_file, secret=True)
        if text is None:
            raise ConfigError(f"'secret_file' {self.secret_file} does not exist")
        return text.strip()


def _decoded(text: str) -> bytes:
    try:
        secret = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(
            "the key's secret is not base64: copy it as 'openssl rand -base64 32' or"
            " 'tsig-keygen' prints it"
        ) from None
    if len(secret) < _LEAST_SECRET:
        raise ConfigError(
            f"the key's secret has {len(secret)} bytes, of which {_LEAST_SECRET} are needed: make"
            " another with 'openssl rand -base64 32'"
        )
    return secret


def check_secondaries(
    folder: Path, sections: Sequence[SecondarySection], zones: Sequence[DomainName]
) -> tuple[SecondaryConfig, ...]:
    """Return what sections of a file in ``folder`` say, for a service with these zones.

    Secrets are not read from their files yet. Raises ConfigError, naming the key.
    """
    found: list[SecondaryConfig] = []
    for index, section in enumerate(sections):
        where = f"secondaries[{index}]"
        one = _secondary(folder, section, where, zones)
        for other in found:
            if other.address == one.address:
                raise ConfigError(f"'{where}.address': {one.address} is listed twice: merge them")
            if other.key == one.key and _key(other) != _key(one):
                raise ConfigError(
                    f"'{where}.key': the key '{one.key}' is another one at {other.name}: give"
                    " each key its own name"
                )
        found.append(one)
    return tuple(found)


def _key(one: SecondaryConfig) -> tuple[str, Path | None, str]:
    return one.algorithm, one.secret_file, one.inline_secret


def _secondary(
    folder: Path, section: SecondarySection, where: str, zones: Sequence[DomainName]
) -> SecondaryConfig:
    with at_key(f"{where}.address"):
        address = _endpoint(section.address)
    key = section.key.lower().rstrip(".")
    if not _KEY_NAME.fullmatch(key) or len(key) > _MOST_NAME:
        raise ConfigError(f"'{where}.key': '{section.key[:60]}' is not a valid name of a TSIG key")
    algorithm = section.algorithm.lower().rstrip(".")
    if algorithm not in ALGORITHMS:
        raise ConfigError(
            f"'{where}.algorithm': '{section.algorithm[:60]}' cannot be used: write one of"
            f" {', '.join(ALGORITHMS)}"
        )
    if bool(section.secret) == bool(section.secret_file):
        raise ConfigError(f"'{where}': give either 'secret' or 'secret_file'")
    if section.secret:
        with at_key(f"{where}.secret"):
            _decoded(section.secret)
    with at_key(f"{where}.transfer_from"):
        networks = [ipaddress.ip_network(address.host), *map(parse_network, section.transfer_from)]
    with at_key(f"{where}.name_servers"):
        servers = tuple(map(_endpoint, section.name_servers)) or (address,)
    return SecondaryConfig(
        address=address,
        key=key,
        algorithm=algorithm,
        zones=_zones(section, where, zones),
        transfer_from=tuple(networks),
        name_servers=servers,
        wait=_wait(section.wait, where),
        secret_file=folder / section.secret_file if section.secret_file else None,
        inline_secret=section.secret,
    )


def _zones(
    section: SecondarySection, where: str, zones: Sequence[DomainName]
) -> tuple[DomainName, ...]:
    with at_key(f"{where}.zones"):
        wanted = tuple(map(DomainName.parse, section.zones)) or tuple(zones)
    for zone in wanted:
        if zone not in zones:
            raise ConfigError(f"'{where}.zones': {zone} is none of the service's zones")
    return wanted


def _wait(text: str, where: str) -> int:
    match = _WAIT.fullmatch(text)
    if match and 1 <= int(match[1]) <= _MOST_WAIT:
        return int(match[1])
    raise ConfigError(f"'{where}.wait': '{text[:20]}' must be from 1s to {_MOST_WAIT}s")


def _endpoint(text: str) -> Endpoint:
    found = Endpoint.parse(text)
    if not found.port or ipaddress.ip_address(found.host).is_unspecified:
        raise ValueError(f"'{text}' is not where a name server answers")
    return found


@contextmanager
def at_key(key: str) -> Iterator[None]:
    """Let what is wrong with a value come out as ConfigError, naming its key."""
    try:
        yield
    except (ValueError, InvalidInputError) as error:
        raise ConfigError(f"'{key}': {error}") from error
