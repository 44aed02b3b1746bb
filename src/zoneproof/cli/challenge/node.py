"""The ``zoneproof challenge node`` commands: the nodes that share a database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.store import node_rows
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.challenge.database import config_option, distance, read, write
from zoneproof.cli.option_groups import Commands, json_option
from zoneproof.cli.output import json_document, print_table, tell
from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.storage import Transaction


@click.group(cls=Commands)
def node() -> None:
    """List and remove the nodes that share a database.

    Also while they run.
    """


@node.command("list")
@config_option
@json_option
def list_nodes(path: Path, as_json: bool) -> None:
    """List the nodes and how each is.

    Version, lease, how far it is behind, and whether its DNS answers here.
    """
    from zoneproof.challengedns.nodes.overview import NodeFacts, StoredNodes, node_facts

    config = load_config(path)
    _require_nodes(path)
    found = node_facts(config.registration_zone, read(path, lambda tx, _: StoredNodes.read(tx)))
    if as_json:
        json_document({"nodes": found})
        return
    if not found:
        click.echo("no node has been started yet: 'zoneproof challenge serve'")
        return

    def row(each: NodeFacts) -> Sequence[str]:
        is_new = each.lease == "none yet"
        return (
            each.name,
            each.address,
            each.version,
            each.lease,
            f"{each.renewed_seconds_ago} s ago",
            "waits until the others know it" if is_new else distance(each.behind),
            "answers" if each.answers else "does not answer",
        )

    heading = ("NAME", "ADDRESS", "VERSION", "LEASE", "RENEWED", "STATUS", "DNS FROM HERE")
    print_table([heading, *map(row, found)])


@node.command()
@config_option
@click.argument("name", metavar="NAME")
@yes_option
@json_option
def remove(path: Path, name: str, yes: bool, as_json: bool) -> None:
    """Remove a node that is off and will not come back.

    Updates then no longer wait for what it might answer.
    """
    _require_nodes(path)

    def require_removable(tx: Transaction) -> None:
        found = next((each for each in node_rows.nodes(tx) if each.name == name), None)
        if found is None:
            raise InvalidInputError(
                f"there is no node '{name[:63]}': see 'zoneproof challenge node list'"
            )
        if found.holds_lease:
            raise InvalidInputError(f"node '{name}' holds a lease: stop it first")

    def work(tx: Transaction, registrations: Registrations) -> None:
        require_removable(tx)
        node_rows.remove(tx, name)
        registrations.audit.note(tx, "node remove", name)

    read(path, lambda tx, _: require_removable(tx))
    confirm(f"Is the node {name} off? One that still answers DNS might contradict others.", yes=yes)
    write(path, work)
    tell({"removed": name}, f"the node {name} is removed", as_json=as_json)


def _require_nodes(path: Path) -> None:
    if load_config(path).postgres is None:
        raise ConfigError(
            f"{path}: 'database' is a file on this machine: only a database in PostgreSQL has nodes"
        )
