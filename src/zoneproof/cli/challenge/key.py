"""The ``zoneproof challenge key`` commands: the tenants' licence keys and the operator's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.challengedns.store.tenants import known_key
from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.challenge.database import config_option, read, show_all, write
from zoneproof.cli.option_groups import Commands, json_option
from zoneproof.cli.output import tell
from zoneproof.cli.streams import require_output, shown_once
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError


@click.group(cls=Commands)
def key() -> None:
    """Administer licence keys, and the operator's.

    Also while the service runs.
    """


@key.command()
@config_option
@click.argument("tenant_name", metavar="[TENANT]", required=False)
@click.option("--operator", is_flag=True, help="Make a key for the whole REST API instead.")
@click.option("--note", default="", metavar="TEXT", help="What the key is for.")
@json_option
def create(path: Path, tenant_name: str | None, operator: bool, note: str, as_json: bool) -> None:
    """Create a licence key for TENANT, and print it.

    It is shown only once.
    """
    require_output()
    if operator == bool(tenant_name):
        raise InvalidInputError("give either a tenant or --operator")
    made = write(path, lambda tx, them: them.tenants.create_key(tx, tenant_name, note=note))
    shown_once(
        f"the key {made.id} was made, and is lost: 'zoneproof challenge key revoke {made.id}', then"
        " create another"
    )
    tell(made, made.key, as_json=as_json)


@key.command("list")
@config_option
@click.option(
    "--tenant", "tenant_name", default="", metavar="TENANT", help="Only those of this tenant."
)
@json_option
def list_keys(path: Path, tenant_name: str, as_json: bool) -> None:
    """List the keys, without their secret parts."""

    def row(found: LicenceKey) -> Sequence[str]:
        return found.id, found.tenant or "(operator)", times.at(found.created_at), found.note

    whose = f" of the tenant {tenant_name}" if tenant_name else ""
    show_all(
        path,
        lambda tx, them, after: them.tenants.keys(tx, tenant=tenant_name, after=after),
        lambda found: found.id,
        ("ID", "TENANT", "CREATED", "NOTE"),
        row,
        if_none=f"no keys{whose} yet: 'zoneproof challenge key create'",
        as_json=as_json,
    )


@key.command()
@config_option
@click.argument("key_id", metavar="ID")
@yes_option
@json_option
def revoke(path: Path, key_id: str, yes: bool, as_json: bool) -> None:
    """Revoke a key; what was registered with it stays.

    The key itself is understood, too, where its ID is wanted.
    """
    found = read(path, lambda tx, _: known_key(tx, key_id))
    whose = f", of {found.tenant}," if found.tenant else ", an operator's,"
    confirm(f"Revoke the key {found.id}{whose} for good?", yes=yes)
    write(path, lambda tx, them: them.tenants.revoke_key(tx, key_id))
    tell({"revoked": found.id}, f"the key {found.id} is revoked", as_json=as_json)
