"""The ``zoneproof challenge init`` command: a new service, and what to do until the first use."""

from __future__ import annotations

import ipaddress
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

import click

from zoneproof.challengedns.config import POSTGRES_URL
from zoneproof.challengedns.runtime import config_template as start
from zoneproof.challengedns.runtime.config_template import ConfigTemplate, NodeTemplate
from zoneproof.challengedns.runtime.privileges import find_user
from zoneproof.challengedns.store.tenants import check_tenant_name
from zoneproof.cli.asking import ask
from zoneproof.cli.challenge.database import ROOT_CONFIG, default_config
from zoneproof.cli.challenge.init_setup import set_up
from zoneproof.cli.challenge.next_steps import base_url, records_to_create, tell_next_steps
from zoneproof.cli.completion import authorities
from zoneproof.cli.option_groups import (
    PATH,
    agree_tos_option,
    ca_bundle_option,
    email_option,
    json_option,
)
from zoneproof.cli.output import json_document
from zoneproof.cli.own_command import own_command
from zoneproof.cli.streams import require_output, shown_once
from zoneproof.core.errors import ConfigError, InvalidInputError, ZoneproofError
from zoneproof.core.files import exists
from zoneproof.core.names import DomainName, require_email
from zoneproof.serving.sockets import Endpoint

T = TypeVar("T")

_ROOT_FOLDER = Path("/var/lib/zoneproof-challenge")


@click.command()
@click.option(
    "--zone", "zone_text", metavar="ZONE", help="The service's own zone, such as auth.example.org."
)
@click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="IP",
    help="This machine's public IP address; IPv4 and IPv6. Repeatable.",
)
@click.option(
    "--nameserver", default="", metavar="NAME", help="This name server's name.  [default: ns1.ZONE]"
)
@click.option(
    "--api-name", default="", metavar="NAME", help="The HTTP API's name.  [default: api.ZONE]"
)
@click.option(
    "--hostmaster",
    default="",
    metavar="ADDRESS",
    help="Mail address in the zone's SOA record.  [default: --email, else hostmaster@...]",
)
@click.option(
    "--dns-listen",
    multiple=True,
    metavar="ADDRESS:PORT",
    help="Address to answer DNS on.  [default: port 53]",
)
@click.option(
    "--api-listen",
    multiple=True,
    metavar="ADDRESS:PORT",
    help="Address of the API.  [default: port 443; with --tls off 127.0.0.1:8080]",
)
@click.option(
    "--tls",
    type=click.Choice(["auto", "off"]),
    default="auto",
    show_default=True,
    help="auto: obtain a certificate for the API. off: plain HTTP behind a proxy.",
)
@click.option(
    "--ca",
    default="letsencrypt",
    show_default=True,
    metavar="CA",
    shell_complete=authorities,
    help="A CA's short name or directory URL.",
)
@email_option
@agree_tos_option
@ca_bundle_option
@click.option(
    "--tenant",
    default="first",
    show_default=True,
    metavar="TENANT",
    help="Tenant that gets the licence key.",
)
@click.option(
    "--user",
    metavar="USER",
    help="User to switch to when started as root.  [default, for root: zoneproof]",
)
@click.option(
    "--database",
    default="",
    metavar="FILE|URL",
    help="Where to keep registrations: a file, or postgresql://user@host/database, without a"
    " password, for one of several nodes.  [default: challenge.db beside the configuration, for"
    " root in /var/lib/zoneproof-challenge]",
)
@click.option(
    "--node",
    "node_name",
    default="",
    metavar="NAME",
    help="This node's name, with PostgreSQL.  [default: the first part of --nameserver]",
)
@click.option(
    "--other-nameserver",
    "others",
    multiple=True,
    metavar="NAME=IP",
    help="Another node's name server, with PostgreSQL. Repeatable.",
)
@click.option(
    "--config",
    "path",
    type=PATH,
    metavar="FILE",
    default=default_config,
    help="File to create.  [default: zoneproof.toml, for root in /etc/zoneproof]",
)
@click.option(
    "--force",
    is_flag=True,
    help="Replace a file that already exists; it is kept as FILE.old, the next as FILE.old.2.",
)
@json_option
def init(
    zone_text: str | None,
    addresses: Sequence[str],
    nameserver: str,
    api_name: str,
    hostmaster: str,
    dns_listen: Sequence[str],
    api_listen: Sequence[str],
    tls: Literal["auto", "off"],
    ca: str,
    ca_bundle: Path | None,
    email: str,
    agree_tos: bool,
    tenant: str,
    user: str | None,
    database: str,
    node_name: str,
    others: Sequence[str],
    path: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Write the configuration of a new service.

    Then prints what to do next: records to create, how to start it, a licence key. Asks for what is
    not given. With a database in PostgreSQL it is that of a node: all nodes need the same zone,
    hostmaster and name servers.
    """
    require_output()
    is_root = default_config() == ROOT_CONFIG
    path = path.absolute()
    if exists(path) and not force:
        raise ConfigError(f"{path} already exists: give --force to replace it, or another --config")
    user = user or ("zoneproof" if is_root else "")
    _given("--user", user, find_user)
    _given("--tenant", tenant, check_tenant_name)
    if hostmaster:
        _given("--hostmaster", hostmaster, require_email)
    for option, listen in (("--dns-listen", dns_listen), ("--api-listen", api_listen)):
        for text in listen:
            _given(option, text, _endpoint)
    is_node = _is_node(database, node_name, others)
    other_servers = _others(others)
    checked = tuple(_given("--address", text, _address) for text in addresses)
    server_name = _given("--nameserver", nameserver, _host) if nameserver else None
    service_name = _given("--api-name", api_name, _host) if api_name else None
    folder = _ROOT_FOLDER if is_root else Path()
    own_place = folder / "challenge.db"
    if is_root and path != ROOT_CONFIG and not (database or force) and exists(own_place):
        raise ConfigError(
            f"{own_place} already exists, and may be another service's: give --database, which"
            " chooses another place, or this one"
        )
    if tls == "auto":
        from zoneproof.acme import directory_url

        directory_url(ca)  # a typo would show only when the service runs
    zone = (
        _given("--zone", zone_text, _zone)
        if zone_text
        else _ask("--zone", "The service's own zone, such as auth.example.org", _zone)
    )
    if tls == "auto" and service_name and not service_name.is_below(zone):
        raise InvalidInputError(
            f"--api-name: {service_name} is not a name in the service's zones, where its"
            f" certificate needs it: use one below {zone}, or --tls off"
        )
    checked = checked or _ask(
        "--address", "This machine's public IP addresses, separated by spaces", _addresses
    )
    checked = tuple(dict.fromkeys(checked))
    if tls == "auto":
        agree_tos = agree_tos or _agrees(ca)
    wanted = start.ConfigTemplate(
        zone=zone,
        nameserver=server_name or zone.child("ns1"),
        addresses=checked,
        api_name=service_name or zone.child("api"),
        hostmaster=hostmaster or email or f"hostmaster@{_domain(zone)}",
        dns_listen=tuple(dns_listen) or start.default_dns_listen(checked),
        api_listen=tuple(api_listen) or start.default_api_listen(checked, tls),
        tls=tls,
        directory=ca,
        email=email,
        agree_tos=agree_tos,
        ca_bundle=ca_bundle,
        database=database if is_node else str(Path(database).absolute() if database else own_place),
        user=user,
    )
    if is_node:
        node = _node(wanted, node_name, folder / "replica.db", other_servers)
        wanted = replace(wanted, node=node)
    config, key = set_up(path, wanted, tenant, force=force, as_json=as_json)
    if key:
        again = f"{own_command()} challenge key create {tenant} --config {shlex.quote(str(path))}"
        shown_once(
            f"{path} is written, but the licence key of '{tenant}' is lost: make another with"
            f" '{again}'"
        )
    if as_json:
        json_document(
            {
                "config": str(config.path),
                "database": wanted.database if is_node else str(config.database),
                "records": records_to_create(config),
                "tenant": tenant,
                "licence_key": key,
                "server_url": base_url(config, wanted) + (f"/k/{key}" if key else ""),
                "node": config.node.name if config.node else None,
            }
        )
    else:
        tell_next_steps(config, wanted, tenant, key)


def _given(option: str, text: str, read: Callable[[str], T]) -> T:
    """Return what an option says. Raises InvalidInputError, which names it."""
    try:
        return read(text)
    except ZoneproofError as error:
        raise InvalidInputError(f"{option}: {error.message}") from error


def _ask(option: str, question: str, read: Callable[[str], T]) -> T:
    if not sys.stdin.isatty():
        raise InvalidInputError(f"{option} is missing: give it, or run this at a terminal")
    return ask(question, read)


def _agrees(ca: str) -> bool:
    if not sys.stdin.isatty():
        raise InvalidInputError(
            f"the API's certificate comes from {ca}: read its terms of service, then add"
            " --agree-tos; or give --tls off"
        )
    return click.confirm(f"Do you agree to the terms of service of {ca}?", default=False)


def _zone(text: str) -> DomainName:
    zone = DomainName.parse(text)
    if zone.is_wildcard:
        wrong = "is a wildcard"
    elif not zone.parent.text:
        wrong = "is a single label, which is a top-level domain" if zone.text else "is the root"
    elif zone.labels[-1].isdigit():
        wrong = "is an IP address"  # no top-level domain is a number (RFC 3696, section 2)
    else:
        return zone
    raise InvalidInputError(
        f"'{text[:60]}' {wrong}: name a zone below a domain of yours, such as auth.example.org"
    )


def _domain(zone: DomainName) -> DomainName:
    """Return the domain that a zone is in, which is not a top-level one."""
    return zone.parent if len(zone.parent.labels) > 1 else zone


def _host(text: str) -> DomainName:
    name = DomainName.parse(text)
    if name.is_wildcard or not name.text:
        wrong = "is not the name of a host"
    elif not name.parent.text:
        wrong = "is a single label"
    elif name.labels[-1].isdigit():
        wrong = "is an IP address"
    else:
        return name
    raise InvalidInputError(
        f"'{text[:60]}' {wrong}: write a whole name, such as ns1.auth.example.org"
    )


def _endpoint(text: str) -> Endpoint:
    try:
        return Endpoint.parse(text)
    except ValueError as error:
        raise InvalidInputError(str(error)) from error


def _addresses(text: str) -> tuple[str, ...]:
    found = tuple(_address(one) for one in text.replace(",", " ").split())
    if not found:
        raise InvalidInputError("write at least one address, such as 192.0.2.1")
    return found


def _is_node(database: str, node_name: str, others: Sequence[str]) -> bool:
    """Tell whether the service is to be one of several nodes. Raises InvalidInputError."""
    if re.match(POSTGRES_URL, database):
        from zoneproof.cli.challenge.init_node import check_url

        _given("--database", database, check_url)
        return True
    if "://" in database:
        raise InvalidInputError("--database: write the path of a file, or postgresql://host/name")
    if node_name or others:
        option = "--node" if node_name else "--other-nameserver"
        raise InvalidInputError(
            f"{option} is for nodes that share a database: give its URL as --database"
        )
    return False


def _node(
    wanted: ConfigTemplate,
    name: str,
    replica: Path,
    others: Mapping[DomainName, tuple[str, ...]],
) -> NodeTemplate:
    if wanted.api_name in (wanted.nameserver, *others):
        raise InvalidInputError(
            f"--api-name: {wanted.api_name} is the name of a name server: the API of all nodes"
            " needs another one"
        )
    if wanted.nameserver in others:
        raise InvalidInputError(
            f"--other-nameserver: {wanted.nameserver} is this node's own: give it as --nameserver"
        )
    first = Endpoint.parse(wanted.dns_listen[0])
    everywhere = ipaddress.ip_address(first.host).is_unspecified
    address = str(Endpoint(wanted.addresses[0], first.port)) if everywhere else ""
    return NodeTemplate(name or wanted.nameserver.labels[0], address, replica, others)


def _others(texts: Sequence[str]) -> Mapping[DomainName, tuple[str, ...]]:
    found: dict[DomainName, tuple[str, ...]] = {}
    for text in texts:
        name, _, address = text.partition("=")
        server = _given("--other-nameserver", name, _host)
        checked = _given(f"--other-nameserver: {server}", address, _address)
        found[server] = tuple(dict.fromkeys((*found.get(server, ()), checked)))
    return found


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidInputError(
            f"'{text[:60]}' is not an IP address: write 192.0.2.1 or 2001:db8::1"
        ) from None
    if address.is_unspecified or address.is_multicast:
        raise InvalidInputError(
            f"{address} is not the address of a machine: give the one at which the world reaches it"
        )
    return str(address)
