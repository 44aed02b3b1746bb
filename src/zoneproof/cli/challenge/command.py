"""The ``zoneproof challenge`` commands: run the challenge service and administer it."""

from __future__ import annotations

import click

from zoneproof.cli.option_groups import LazyCommands

_ROOM = "zoneproof.cli.challenge"
_TABLE = {
    "The service": {
        "init": (f"{_ROOM}.init:init", "Write the configuration of a new service."),
        "serve": (f"{_ROOM}.serve:serve", "Answer DNS and the HTTP API, until stopped."),
        "health": (f"{_ROOM}.serve:health", "Check whether the running service is healthy."),
        "import-acme-dns": (
            f"{_ROOM}.import_acme_dns:import_acme_dns",
            "Import the accounts of an acme-dns.",
        ),
    },
    "What it keeps": {
        "registration": (
            f"{_ROOM}.registration:registration",
            "Administer the registrations.",
        ),
        "tenant": (f"{_ROOM}.tenant:tenant", "Administer the tenants."),
        "node": (
            f"{_ROOM}.node:node",
            "List and remove the nodes that share a database.",
        ),
        "secondary": (
            f"{_ROOM}.secondary:secondary",
            "List the name servers that take the zones from here.",
        ),
        "move-database": (
            f"{_ROOM}.move_database:move_database",
            "Copy the database to PostgreSQL, or back to a file.",
        ),
        "key": (f"{_ROOM}.key:key", "Administer licence keys, and the operator's."),
        "audit": (f"{_ROOM}.audit:audit", "List who did what."),
    },
}


@click.group(cls=LazyCommands, table=_TABLE)
def challenge() -> None:
    """Run the DNS service that answers dns-01 challenges, with an API compatible with acme-dns."""
