"""The ``zoneproof challenge`` commands: run the challenge service and administer it."""

from __future__ import annotations

import click

from zoneproof.cli.challenge.import_acme_dns import import_acme_dns
from zoneproof.cli.challenge.init import init
from zoneproof.cli.challenge.key import key
from zoneproof.cli.challenge.registration import registration
from zoneproof.cli.challenge.serve import health, serve
from zoneproof.cli.challenge.tenant import tenant
from zoneproof.cli.option_groups import Commands


@click.group(cls=Commands)
def challenge() -> None:
    """Run the DNS service that answers dns-01 challenges, with an API compatible with acme-dns."""


challenge.add_command(import_acme_dns)
challenge.add_command(init)
challenge.add_command(serve)
challenge.add_command(health)
challenge.add_command(registration)
challenge.add_command(tenant)
challenge.add_command(key)
