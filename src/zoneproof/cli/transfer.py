"""The ``zoneproof export`` command, and what every import shows, asks and tells."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import click
import msgspec

from zoneproof.cli.asking import can_ask, confirm, yes_option
from zoneproof.cli.completion import certificates
from zoneproof.cli.credential_fields import warn_of_open_files
from zoneproof.cli.option_groups import PATH, dry_run_option, json_option, together
from zoneproof.cli.output import STANDARD_OUTPUT, json_document, write_output
from zoneproof.cli.running import run_with_manager
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import exists, exists_already, is_link
from zoneproof.core.text import count, printable
from zoneproof.core.toml import is_reference, read_reference
from zoneproof.manager import Home, Manager
from zoneproof.migration.archive import Archive, Item, count_items
from zoneproof.migration.certificates import (
    CertificateFile,
    Form,
    collect_certificates,
    lacking,
    read_file_of,
)
from zoneproof.migration.move import Collected, collect, leave_out, plan_import, take
from zoneproof.migration.sealed_file import seal

passphrase_option = click.option(
    "--passphrase",
    metavar="SOURCE",
    help="The passphrase, as @FILE or env:VARIABLE; else asked for at the terminal.",
)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=certificates)
@click.option(
    "--output",
    "-o",
    type=PATH,
    metavar="FILE",
    required=True,
    help="File to create; - to print.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["archive", "pem", "pkcs12"]),
    default="archive",
    show_default=True,
    help="With NAME: pem holds key, certificate and chain, unencrypted.",
)
@passphrase_option
@click.option(
    "--with-certificates", is_flag=True, help="Include the files with certificates and keys."
)
@json_option
def export(
    names: Sequence[str],
    output: Path,
    form: Form | Literal["archive"],
    passphrase: str | None,
    with_certificates: bool,
    as_json: bool,
) -> None:
    """Write everything that is stored to one encrypted file, for another machine or as a backup.

    \b
    zoneproof export -o home.zp --with-certificates
    zoneproof export www.example.com -o www.zp
    zoneproof export www.example.com --format pkcs12 -o www.p12

    It holds the definitions and the state of their renewals, credentials, CA accounts with
    their keys, registrations and settings.toml. Each NAME is a certificate: then the file holds
    these alone, with their definitions, tasks, keys and chains. 'zoneproof import archive' reads
    it.
    """
    if output != STANDARD_OUTPUT and (exists(output) or is_link(output)):
        raise exists_already(output)
    if form != "archive":
        _export_one(names, output, form, passphrase, as_json=as_json)
        return

    async def read(manager: Manager) -> Collected:
        if names:
            return await collect_certificates(manager, names)
        return await collect(manager, with_certificates=with_certificates)

    collected = run_with_manager(read, to_read=True)
    if not count_items(collected.archive):
        raise InvalidInputError(f"there is nothing to export in {Home.find().path}")
    secret = get_passphrase(passphrase, twice=True)
    sealed = seal(msgspec.json.encode(collected.archive), secret)
    write_output(output, sealed, as_json=as_json)
    _tell_written(output, collected, as_json=as_json)


def _export_one(
    names: Sequence[str], output: Path, form: Form, passphrase: str | None, *, as_json: bool
) -> None:
    if len(names) != 1:
        raise InvalidInputError(f"--format {form} is for one certificate: give its name")
    if form == "pem" and passphrase:
        raise InvalidInputError("--passphrase does not apply to pem, which is not encrypted")
    found = run_with_manager(lambda manager: read_file_of(manager, names[0]), to_read=True)
    content = found.pem() if form == "pem" else _as_pkcs12(found, passphrase)
    write_output(output, content, as_json=as_json)
    if as_json:
        json_document({"file": str(output), "format": form, "certificate": names[0]})
        return
    _tell(output, f"written to {output}: {names[0]} as {form}")
    if b"PRIVATE KEY" in content:
        click.echo("the key in it is not encrypted", err=True)


def _as_pkcs12(found: CertificateFile, passphrase: str | None) -> bytes:
    found.require_key()
    password = get_passphrase(passphrase, twice=True)
    if not password:
        raise InvalidInputError("the passphrase is empty: it guards the key, so give one")
    return found.pkcs12(password)


def _tell_written(output: Path, collected: Collected, *, as_json: bool) -> None:
    counts = count_items(collected.archive)
    if as_json:
        json_document({"file": str(output), "holds": counts, "left_out": collected.problems})
        return
    _tell(output, f"written to {output}: {things(counts)}")
    for problem in collected.problems:
        click.echo(f"left out: {printable(problem)}", err=True)
    _tell(output, "it cannot be opened without the passphrase: keep both, but not together")


def _tell(output: Path, text: str) -> None:
    click.echo(text, err=output == STANDARD_OUTPUT)


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
    passphrase = read_reference(source, "--passphrase")
    warn_of_open_files([source])
    return passphrase


taking_options = together(
    dry_run_option,
    click.option("--replace", is_flag=True, help="Replace what differs here."),
    yes_option,
)
_WORDS = {"settings": "settings.toml", "files": "the files of {}"}
_REMARKS = {
    ("differs", True): "  (is replaced)",
    ("differs", False): "  (stays as it is here)",
    ("new", False): "  (is not needed)",
}
_LEFT_OUT = "  (is left out)"


def offer(content: Archive, *, dry_run: bool, replace: bool, yes: bool, as_json: bool) -> None:
    """Show everything in ``content``, and take what is new after a yes.

    With ``replace`` also what differs here. Where nobody can be asked it is only shown. Exits with
    1 if something is left out.
    """

    async def plan(manager: Manager) -> tuple[list[Item], list[Item], list[str], list[str]]:
        items = await plan_import(manager, content)
        wanted = [
            item for item in items if item.status == "new" or (item.status == "differs" and replace)
        ]
        wanted, problems = await leave_out(manager, content, wanted)
        return items, wanted, await lacking(manager, content, wanted), problems

    items, wanted, lacks, problems = run_with_manager(plan, to_read=True)
    if not as_json:
        show_items(items, wanted)
        for line in (*lacks, *problems):
            click.echo(f"zoneproof: {printable(line)}", err=True)
    taken = is_wanted(wanted, dry_run=dry_run, yes=yes, as_json=as_json)
    if taken:
        run_with_manager(lambda manager: take(manager, content, wanted))
    if as_json:
        count_taken = len(wanted) if taken else 0
        json_document({"items": items, "lacks": lacks, "problems": problems, "taken": count_taken})
    elif taken:
        click.echo(f"imported {things_of(wanted)}; next: {_follows(wanted)}")
    else:
        tell_nothing_taken(items, wanted, dry_run=dry_run)
    if problems:
        raise SystemExit(1)


def _follows(taken: Sequence[Item]) -> str:
    """Return the command that shows what was taken; there may be no certificate among it."""
    kinds = {item.kind for item in taken}
    shown = [kind for kind in ("credential", "account", "registration") if kind in kinds]
    only = f"{shown[0]} list" if shown and "certificate" not in kinds else "list"
    return f"zoneproof {only}"


def show_items(items: Sequence[Item], wanted: Sequence[Item]) -> None:
    """Print everything that was found, and whether it would come."""
    for item in items:
        remark = _REMARKS.get((item.status, item in wanted), "")
        if remark and item.status == "new" and item.kind in ("certificate", "files"):
            remark = _LEFT_OUT
        click.echo(f"{item.status:8} {item.kind:12} {printable(item.name)}{remark}")
        for line in item.lines:
            click.echo(f"{'':21} {printable(line)}")


def is_wanted(wanted: Sequence[Item], *, dry_run: bool, yes: bool, as_json: bool) -> bool:
    """Tell whether to take these things: after a yes, which a person gives if one is there."""
    if not wanted or dry_run or not (yes or (can_ask() and not as_json)):
        return False
    replaced = sum(item.status == "differs" for item in wanted)
    also = f", of which {replaced} replace what is here" if replaced else ""
    confirm(f"Import {things_of(wanted)}{also}?", yes=yes)
    return True


def tell_nothing_taken(items: Sequence[Item], wanted: Sequence[Item], *, dry_run: bool) -> None:
    """Tell why nothing was taken, and what takes it."""
    if wanted and dry_run:
        click.echo("nothing was changed: this was a dry run")
    elif wanted:
        click.echo(f"nothing was changed: this was a preview; --yes imports {things_of(wanted)}")
    elif any(item.status == "differs" for item in items):
        click.echo("nothing to import: --replace overwrites what differs here")
    elif any(item.status == "new" for item in items):
        click.echo("nothing to import: what is new is left out")
    else:
        click.echo("nothing to import: everything is already here")


def things_of(items: Sequence[Item]) -> str:
    """Return how many there are of each kind, for people."""
    return things(Counter(item.kind for item in items))


def things(counts: Mapping[str, int]) -> str:
    """Return the same of numbers for each kind of an archive's things."""
    return ", ".join(
        _WORDS[kind].format(number) if kind in _WORDS else count(number, kind)
        for kind, number in counts.items()
    )
