"""Looks whether the service could start here: sockets, user, database, certificate."""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from zoneproof.challengedns.api.certificate import (
    configured_key_pair,
    foreign_in,
    obtained_key_pair,
    validity_remark,
)
from zoneproof.challengedns.config import AutoTls, Config
from zoneproof.challengedns.dns.zones import ZoneData
from zoneproof.challengedns.runtime.capacity import LEAST, capacity
from zoneproof.challengedns.runtime.health import answers_dns, api_ailments, serial_at
from zoneproof.challengedns.runtime.parent_records import addresses_of
from zoneproof.challengedns.runtime.privileges import become, check_access, service_user
from zoneproof.challengedns.runtime.sockets import bind_dns, remarks_on_families
from zoneproof.challengedns.secondaries.content import ahead
from zoneproof.challengedns.secondaries.overview import ask_serials
from zoneproof.challengedns.store.remembered_zones import look_for_gone
from zoneproof.challengedns.store.sqlite_database import (
    ENGINE_VERSION,
    fault_of_engine,
    require_not_lost,
    try_out,
)
from zoneproof.core import times
from zoneproof.core.errors import ConfigError, StorageError, ZoneproofError
from zoneproof.serving.capacity import file_limit, usable_memory
from zoneproof.serving.certificate import KeyPair
from zoneproof.serving.sockets import bind


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True)
class CheckFinding:
    """One thing that was looked at; ``records`` are to be created, in zone-file form."""

    level: Level
    subject: str
    text: str
    records: tuple[str, ...] = ()


@dataclass(frozen=True)
class LocalCheck:
    """What was found on this machine, and whether the service runs here now."""

    findings: tuple[CheckFinding, ...]
    is_running: bool


def check_machine(config: Config, zones: Sequence[ZoneData]) -> LocalCheck:
    """Try everything that ``serve`` needs, and change nothing.

    As root this process becomes the service's user for it.
    """
    sockets = list(_check_sockets(config))
    is_running = any(found.level is Level.NOTE for found in sockets)
    rest = [
        *(_note("addresses", remark) for remark in remarks_on_families(config)),
        *check_capacity(config, file_limit(), usable_memory()),
        *_check_user(config),
        *_check_database(config, zones, is_running=is_running),
        # A node's replica has one writer, and commands write to PostgreSQL.
        *(check_engine(ENGINE_VERSION) if config.postgres is None else ()),
        *_check_certificate(config, is_running=is_running),
        *_check_own_name(config),
        *_check_secondaries(config, is_running=is_running),
        *_check_api_name(config, zones),
        *(_check_health(config) if is_running else ()),
    ]
    return LocalCheck((*sockets, *rest), is_running)


def _check_sockets(config: Config) -> Iterator[CheckFinding]:
    is_running = False
    for endpoint in config.dns.listen:
        try:
            bind_dns(endpoint, 1).close()
        except ConfigError as error:
            if answers_dns(endpoint, config):
                is_running = True
                yield _note("sockets", f"a challenge service already answers DNS at {endpoint}")
            else:
                yield _problem("sockets", error.message)
        else:
            yield _ok("sockets", f"DNS can listen on {endpoint}")
    others = [(each, "the API") for each in config.api.listen]
    others += [(config.metrics, "the metrics")] if config.metrics else []
    for endpoint, purpose in others:
        try:
            bind(endpoint, purpose).close()
        except ConfigError as error:
            if is_running:
                yield _note("sockets", f"{purpose}: the running service uses {endpoint}")
            else:
                yield _problem("sockets", error.message)
        else:
            yield _ok("sockets", f"{purpose} can listen on {endpoint}")


def check_capacity(config: Config, files: int, memory: int) -> Iterator[CheckFinding]:
    """Say how many connections the limit of open files and the memory (in bytes) allow."""
    found = capacity(config, files, memory)
    if min(found.api, found.dns) < LEAST:
        yield _problem(
            "connections",
            f"the limit of {files:,} open files leaves {found.api} connections to the API and"
            f" {found.dns} for DNS by TCP: raise it (LimitNOFILE= of systemd, 'ulimit -Hn')",
        )
        return
    yield _ok(
        "connections",
        f"at most {found.api:,} to the API ({found.api_of_one:,} from one address), and"
        f" {found.dns:,} for DNS by TCP ({found.dns_of_one:,} from one address), which take up to"
        f" {found.memory / 1e6:,.0f} MB; the machine allows {files:,} open files and"
        f" {memory / 1e6:,.0f} MB",
    )


def _check_health(config: Config) -> Iterator[CheckFinding]:
    for ailment in api_ailments(config):
        yield _problem("running service", ailment)


def _check_user(config: Config) -> Iterator[CheckFinding]:
    try:
        user = service_user(config)
        if user is None:
            return
        become(user)
        check_access(config, user.pw_name)
        yield _ok("user", f"the service runs as {user.pw_name}")
    except ConfigError as error:
        yield _problem("user", error.message)


def _check_postgres(
    config: Config, zones: Sequence[ZoneData], *, is_running: bool
) -> Iterator[CheckFinding]:
    assert config.postgres is not None
    assert config.node is not None
    # Imported only then, with PostgreSQL's client.
    from zoneproof.challengedns.nodes.node import digest, require_same_zones
    from zoneproof.challengedns.store.postgres_database import try_out_postgres

    try:
        found = try_out_postgres(config.postgres, functools.partial(look_for_gone, config=config))
    except StorageError as error:
        if os.access(config.database, os.R_OK):
            text = f"{error.message}; until then this node answers from its replica, as far as it"
            yield _note("database", f"{text} may")
        else:
            yield _problem("database", error.message)
        return
    except ZoneproofError as error:
        yield _problem("database", error.message)
        return
    yield _ok("database", found.name)
    if found.risk:
        yield _note("database", found.risk)
    if found.seen:
        yield _note("zones", found.seen)
    try:
        require_same_zones(found.nodes, config.node.name, digest(zones))
    except ConfigError as error:
        # Who runs may reload zones that the others have not; who does not could not start.
        yield _note("zones", error.message) if is_running else _problem("zones", error.message)


def _check_database(
    config: Config, zones: Sequence[ZoneData], *, is_running: bool
) -> Iterator[CheckFinding]:
    if config.postgres is not None:
        yield from _check_postgres(config, zones, is_running=is_running)
        return
    database = config.database
    try:
        require_not_lost(database)
    except StorageError as error:
        yield _problem("database", error.message)
        return
    if not os.access(database, os.F_OK):
        folder = database.parent
        if os.access(folder, os.F_OK) and not os.access(folder, os.W_OK | os.X_OK):
            yield _problem("database", f"{folder} cannot be written by this user")
        else:
            yield _ok("database", f"{database} will be created at the first start")
        return
    try:
        remark, gone = try_out(database, functools.partial(look_for_gone, config=config))
    except StorageError as error:
        yield _problem("database", error.message)
        return
    if remark:
        # Only a note before a start, which need not wait for it: DNS can be answered.
        level = Level.PROBLEM if is_running else Level.NOTE
        text = f"{remark}; until then DNS answers with what can be read"
        yield CheckFinding(level, "database", text)
    else:
        yield _ok("database", f"{database} can be read and written")
    if gone:
        yield _note("zones", gone)


def check_engine(version: tuple[int, int, int]) -> Iterator[CheckFinding]:
    """Say it where this version of the database's engine has a fault that matters here."""
    if fault := fault_of_engine(version):
        yield _note("database", fault)


def _check_certificate(config: Config, *, is_running: bool) -> Iterator[CheckFinding]:
    if config.api.auto is not None:
        if not config.api.auto.agree_tos:
            yield _problem(
                "certificate",
                "tls = \"auto\" needs 'acme_agree_tos = true' in [api], once you have read the"
                " terms of the CA",
            )
        else:
            yield _check_obtained(config.api.auto, is_running=is_running)
        return
    pair = configured_key_pair(config.api)
    if pair is None:
        yield _note("certificate", "none: the API is plain HTTP, for a proxy that speaks HTTPS")
        return
    try:
        pair.use_in(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
        yield _check_validity(pair, "replace it, then reload the service")
    except ZoneproofError as error:
        yield _problem("certificate", error.message)


def _check_validity(pair: KeyPair, advice: str) -> CheckFinding:
    """Look at the dates; only a note, since an expired one does not keep DNS from answering."""
    leaf = pair.leaf()
    if remark := validity_remark(leaf, datetime.now(UTC)):
        return _note("certificate", f"{pair.certificate} {remark}: {advice}")
    until = times.at(leaf.not_valid_after_utc)
    return _ok("certificate", f"{pair.certificate} is valid until {until}")


def _check_obtained(auto: AutoTls, *, is_running: bool) -> CheckFinding:
    """Look at what the service has obtained; nothing of it keeps the service from running."""
    foreign = foreign_in(auto.folder)
    if foreign:
        return _note(
            "certificate",
            f"{foreign}: the service moves {auto.folder} aside when it starts, and obtains another"
            " certificate",
        )
    pair = obtained_key_pair(auto)
    if not os.path.lexists(pair.certificate.parent):
        if is_running:
            return _note(
                "certificate",
                "no trusted certificate yet: clients get an untrusted one; see the service's log",
            )
        return _ok("certificate", "the service obtains it while it runs")
    if not pair.is_usable:
        return _note(
            "certificate",
            f"{pair.certificate} and {pair.key} cannot be used together: the service repairs them"
            " or obtains others when it starts; until then clients get an untrusted certificate",
        )
    return _check_validity(pair, "see in the service's log why it is not renewed")


def _check_own_name(config: Config) -> Iterator[CheckFinding]:
    """Say it where several nodes seem to ask a CA for the same names."""
    if config.node is None or config.api.auto is None:
        return
    servers = {name for zone in config.zones for name in zone.nameservers}
    if not servers.intersection(config.api.auto.domains):
        yield _note(
            "certificate",
            "each node obtains one of its own, and CAs limit how many have the same names: add the"
            " name of this node's name server to 'api.domain'",
        )


def _check_secondaries(config: Config, *, is_running: bool) -> Iterator[CheckFinding]:
    for secondary in config.secondaries:
        try:
            secondary.secret()
        except ConfigError as error:
            yield _problem("secondaries", error.message)
            return
    zones = {zone for each in config.secondaries for zone in each.zones} if is_running else set()
    own = {zone: serial_at(config.dns.listen[0], zone) for zone in zones}
    for found in ask_serials(config.secondaries):
        where = f"secondary {found.secondary} for {found.zone}"
        if found.serial is None and is_running:
            yield _problem(
                "secondaries", f"{where}: {found.server} {found.problem}: see the service's log"
            )
        elif found.serial is None:
            yield _note(
                "secondaries",
                f"{where}: {found.server} {found.problem}; if it never had the zone, it gets it"
                " once the service runs",
            )
        else:
            text = f"{where}: {found.server} has the serial {found.serial}"
            newest = own.get(found.zone)
            if newest is not None and ahead(found.serial, newest):  # it may have risen meanwhile
                newest = serial_at(config.dns.listen[0], found.zone)
            if newest is not None and (problem := ahead(found.serial, newest)):
                yield _problem("secondaries", f"{where}: {found.server} {problem}")
                continue
            # Serials go round, as those of RFC 1982.
            if newest is not None and 0 < (newest - found.serial) % 2**32 < 2**31:
                text += f", the service {newest}: if it stays behind, see the service's log"
                yield _note("secondaries", text)
            else:
                yield _ok("secondaries", text)


def _check_api_name(config: Config, zones: Sequence[ZoneData]) -> Iterator[CheckFinding]:
    for domain in config.api.auto.domains if config.api.auto else ():
        if not addresses_of(domain, zones):
            name = domain.relative_to(config.registration_zone) or "@"
            yield _problem(
                "certificate",
                f"{domain} has no address, so no client finds the API: add '{name} A …' to the"
                " 'records' of its zone",
            )


def _ok(subject: str, text: str) -> CheckFinding:
    return CheckFinding(Level.OK, subject, text)


def _note(subject: str, text: str) -> CheckFinding:
    return CheckFinding(Level.NOTE, subject, text)


def _problem(subject: str, text: str) -> CheckFinding:
    return CheckFinding(Level.PROBLEM, subject, text)
