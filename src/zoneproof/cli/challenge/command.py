"""The ``zoneproof challenge`` commands: run the challenge service and administer it."""

from __future__ import annotations

import click

from zoneproof.cli.option_groups import LazyCommands

_TABLE = {
    "The service": {
        "init": (".challenge.init:init", "Write the configuration of a new service."),
        "serve": (".challenge.serve:serve", "Answer DNS and the HTTP API, until stopped."),
        "health": (".challenge.serve:health", "Check whether the running service is healthy."),
        "import-acme-dns": (
            ".challenge.import_acme_dns:import_acme_dns",
            "Import the accounts of an acme-dns.",
        ),
    },
    "What it keeps": {
        "registration": (".challenge.registration:registration", "Administer the registrations."),
        "tenant": (".challenge.tenant:tenant", "Administer the tenants."),
        "node": (".challenge.node:node", "List and remove the nodes that share a database."),
        "secondary": (
            ".challenge.secondary:secondary",
            "List the name servers that take the zones from here.",
        ),
        "move-database": (
            ".challenge.move_database:move_database",
            "Copy the database to PostgreSQL, or back to a file.",
        ),
        "key": (".challenge.key:key", "Administer licence keys, and the operator's."),
        "audit": (".challenge.audit:audit", "List who did what."),
    },
}


@click.group(cls=LazyCommands, table=_TABLE)
def challenge() -> None:
    """Run the DNS service that answers dns-01 challenges, with an API compatible with acme-dns."""
