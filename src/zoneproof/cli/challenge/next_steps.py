"""What to do once ``zoneproof challenge init`` has written a new service's configuration."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Sequence

import click

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.runtime.config_template import ConfigTemplate
from zoneproof.challengedns.runtime.parent_records import parent_records
from zoneproof.cli.own_command import own_command

# Not ``is_private``, which is also true of the addresses that documentation uses.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)


def records_to_create(config: Config) -> Sequence[str]:
    """Return the records that lead to the service, for the zone above."""
    zones = compile_zones(config.path, config.zones)
    return parent_records(config.zones[0], zones).lines


def tell_next_steps(config: Config, wanted: ConfigTemplate, tenant: str, key: str | None) -> None:
    """Print the records to create, how to start the service, and a first certificate."""
    zone = config.zones[0]
    command = f"{own_command()} challenge serve --config {shlex.quote(str(config.path))}"
    where = zone.name.parent or "the root"
    records = "\n".join(f"  {line}" for line in records_to_create(config))
    click.echo(
        f"""Written: {config.path}

1. Create these records in the zone that contains {zone.name}
   (that of {where} or above; at a registrar: "name servers" and "glue" or "host" records):

{records}
{_nameservers_remark(config)}{_private_remark(wanted)}
2. Start the service, which runs until it is stopped:

  {command}

   In another terminal, check what is still missing:

  {command} --check

   {_reach(config, wanted)}{_remark(wanted)}
"""
    )
    click.echo(_first_certificate(config, wanted, tenant, key) if key else _joining(config))


def _joining(config: Config) -> str:
    chosen = f"--config {shlex.quote(str(config.path))}"
    return f"""3. This node joins those that share the database, with its tenants and licence keys:

  {own_command()} challenge node list {chosen}

   Another licence key, if you need one:

  {own_command()} challenge key create TENANT {chosen}"""


def _first_certificate(config: Config, wanted: ConfigTemplate, tenant: str, key: str) -> str:
    server = shlex.quote(f"{base_url(config, wanted)}/k/{key}")
    issue = f"{own_command()} issue www.example.com --provider acme-dns"
    ca = f" --ca {shlex.quote(wanted.directory)}" if wanted.directory != "letsencrypt" else ""
    if wanted.ca_bundle is not None:
        ca += f" --ca-bundle {shlex.quote(str(wanted.ca_bundle.absolute()))}"
    return f"""\
3. The licence key of the tenant '{tenant}' lets clients register. It is shown only now:

  {key}

4. On any machine, a first certificate, here for www.example.com:

  export ACME_DNS_SERVER={server}
  {issue} --field server=env:ACME_DNS_SERVER{ca} --agree-tos

   It prints a CNAME record to create. Create it, then run 'zoneproof resume www.example.com';
   a timer that runs 'zoneproof renew' every hour does the rest.

   Other clients take the same URL:
   acme.sh: export ACMEDNS_BASE_URL="$ACME_DNS_SERVER"; acme.sh --issue --dns dns_acmedns -d NAME
   lego:    export ACME_DNS_API_BASE="$ACME_DNS_SERVER" ACME_DNS_STORAGE_PATH=acme-dns.json
            lego run --dns acme-dns --domains NAME --email MAIL --accept-tos"""


def base_url(config: Config, wanted: ConfigTemplate) -> str:
    """Return the URL of the API, as clients reach it."""
    endpoint = config.api.listen[0]
    if wanted.tls == "off":
        everywhere = ipaddress.ip_address(endpoint.host).is_unspecified
        return f"http://{f'{wanted.api_name}:{endpoint.port}' if everywhere else endpoint}"
    port = "" if endpoint.port == 443 else f":{endpoint.port}"
    return f"https://{wanted.api_name}{port}"


def _nameservers_remark(config: Config) -> str:
    if len(config.zones[0].nameservers) > 1:
        return ""
    return """
   This is one name server, on one machine. It is enough to obtain certificates; while the machine
   is down, none can be obtained, and checkers that want two name servers (Zonemaster) say so.
"""


def _private_remark(wanted: ConfigTemplate) -> str:
    private = [text for text in wanted.addresses if _is_private(text)]
    if not private:
        return ""
    if all(ipaddress.ip_address(text).is_loopback for text in private):
        return f"""
   Only this machine itself reaches {_listed(private)}: for all others, --address is its public one.
"""
    return f"""
   Public CAs cannot reach {_listed(private)}, an address of a private network. Behind a router,
   --address is the public address.
"""


def _is_private(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return any(address.version == one.version and address in one for one in _PRIVATE)


def _reach(config: Config, wanted: ConfigTemplate) -> str:
    dns, api = _listed(config.dns.listen), _listed(config.api.listen)
    if all(ipaddress.ip_address(each.host).is_loopback for each in config.dns.listen):
        return f"Only this machine reaches its DNS, at {dns}."
    if wanted.tls == "off":
        return f"It needs UDP and TCP at {dns},\n   reachable from everywhere."
    return f"It needs UDP and TCP at {dns}, and TCP at {api},\n   reachable from everywhere."


def _remark(wanted: ConfigTemplate) -> str:
    if wanted.tls == "off":
        return (
            "\n   The API is plain HTTP: for clients on other machines, put a proxy with a"
            f" certificate for\n   {wanted.api_name} in front of it, and write that name into the"
            " URL below."
        )
    if not wanted.agree_tos:
        return (
            "\n   Clients get an untrusted certificate until you have read the terms of"
            " service of the\n   CA, and written 'acme_agree_tos = true' into the configuration."
        )
    return (
        "\n   Once the records are there, it obtains the API's certificate within minutes; until"
        " then\n   clients get an untrusted one."
    )


def _listed(items: Sequence[object]) -> str:
    return " and ".join(map(str, items))
