"""The ``zoneproof export`` command: write all that is stored to one encrypted file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from zoneproof.cli.import_offer import things
from zoneproof.cli.option_groups import PATH
from zoneproof.cli.options import json_option
from zoneproof.cli.output import json_document
from zoneproof.cli.running import run_with_manager
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import exists_already, write_new
from zoneproof.core.text import printable
from zoneproof.core.toml import is_reference, read_reference
from zoneproof.manager import Home
from zoneproof.migration.archive import count_items
from zoneproof.migration.move import Collected, collect
from zoneproof.migration.sealed_file import seal

F = TypeVar("F", bound=Callable[..., Any])

passphrase_option = click.option(
    "--passphrase",
    metavar="SOURCE",
    help="@FILE or env:VARIABLE with the passphrase; at a terminal it is asked for without this.",
)


@click.command()
@click.option(
    "--output",
    "-o",
    type=PATH,
    metavar="FILE",
    required=True,
    help="File to create.",
)
@passphrase_option
@click.option(
    "--with-certificates", is_flag=True, help="Also the files with certificates and keys."
)
@json_option
def export(output: Path, passphrase: str | None, with_certificates: bool, as_json: bool) -> None:
    """Write all that is stored to one encrypted file, for another machine or as a backup.

    It holds the definitions and how their renewals stand, credentials, CA accounts with their
    keys, registrations and settings.toml. 'zoneproof import archive' takes it in.
    """
    if output.exists() or output.is_symlink():
        raise exists_already(output)
    secret = get_passphrase(passphrase, twice=True)
    collected = run_with_manager(
        lambda manager: collect(manager, with_certificates=with_certificates)
    )
    if not count_items(collected.archive):
        raise InvalidInputError(f"there is nothing to export in {Home.find().path}")
    write_new(output, seal(msgspec.json.encode(collected.archive), secret))
    _tell_written(output, collected, as_json=as_json)


def _tell_written(output: Path, collected: Collected, *, as_json: bool) -> None:
    counts = count_items(collected.archive)
    if as_json:
        json_document({"file": str(output), "holds": counts, "left_out": collected.problems})
        return
    click.echo(f"written to {output}: {things(counts)}")
    for problem in collected.problems:
        click.echo(f"left out: {printable(problem)}", err=True)
    click.echo("without the passphrase nothing opens it: keep both, and not together")


def get_passphrase(source: str | None, *, twice: bool) -> str:
    """Return the passphrase that an option names, or that a person types.

    Raises InvalidInputError where nobody can be asked.
    """
    if source is None and sys.stdin.isatty():
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice))
    if source is None or not is_reference(source):
        raise InvalidInputError(
            "the passphrase comes from --passphrase @FILE or --passphrase env:VARIABLE, or is typed"
            " at a terminal: others could see one on the command line"
        )
    return read_reference(source, "--passphrase")
