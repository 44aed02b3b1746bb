"""Prints results: JSON for programs; rows, tables and sentences for people."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.core.files import write_new
from zoneproof.core.text import printable

if TYPE_CHECKING:
    from zoneproof.core.fields import CredentialField
    from zoneproof.manager import Outcome

T = TypeVar("T")
STANDARD_OUTPUT = Path("-")  # which is written so by many programs


def json_text(value: object, *, indent: int = -1) -> str:
    """Return a value as JSON, escaped wherever a terminal could take it for more than text."""
    text = msgspec.json.encode(value).decode()
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escaped(char) for char in text)
    return msgspec.json.format(text, indent=indent)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def tell_ready(line: str) -> None:
    """Print that a server answers now.

    It is written at once: what output cannot take, such as a log on a full disk, must not stay in a
    buffer and end the server.
    """
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), f"{line}\n".encode())


def write_output(output: Path, content: bytes, *, as_json: bool) -> None:
    """Write a new file, which only its owner may read, or print to standard output.

    Raises InvalidInputError and StorageError.
    """
    if output != STANDARD_OUTPUT:
        write_new(output, content)
        return
    if as_json:
        raise InvalidInputError("'--output -' and --json both print: omit one of them")
    click.echo(content, nl=False)


def json_document(value: object) -> None:
    """Print a result as one indented JSON document."""
    click.echo(json_text(value, indent=2))


def tell(result: object, text: str, *, as_json: bool) -> None:
    """Print a result as JSON, or what it means as text for people."""
    if as_json:
        json_document(result)
    else:
        click.echo(printable(text))


def json_line(value: object) -> None:
    """Print one of several results or events, as a line of JSON."""
    click.echo(json_text(value))


def json_error(error: ZoneproofError) -> None:
    """Print an error as a line of JSON."""
    json_line(
        {
            "event": "error",
            "kind": type(error).__name__,
            "message": printable(error.message),
            "records": error.records,
            "exit_code": error.exit_code,
        }
    )


def tell_certificate(outcome: Outcome, *, indent: str = "  ") -> None:
    """Print what a certificate is, and where the files are that a server wants."""
    click.echo("")
    print_rows(outcome.rows(datetime.now(UTC)), indent=indent)


def tell_error(error: ZoneproofError) -> None:
    """Print what went wrong, below the records to create."""
    if error.records:
        click.echo("")
        for record in error.records:
            click.echo(f"  {printable(record)}")
        click.echo("")
    click.echo(f"zoneproof: {printable(error.message)}", err=True)


def tell_all(
    found: Sequence[T],
    heading: Sequence[str],
    row: Callable[[T], Sequence[str]],
    *,
    if_none: str,
    as_json: bool,
) -> None:
    """Print things as JSON, or for people: in columns below a heading, or that there is none."""
    if as_json:
        json_document(found)
        return
    if not found:
        click.echo(if_none)
        return
    print_table([heading, *map(row, found)])


def print_table(lines: Sequence[Sequence[str]], widths: Sequence[int] = ()) -> Sequence[int]:
    """Print lines in columns, of ``widths`` at least, and return how wide they are."""
    columns = zip(widths or [0] * len(lines[0]), *lines, strict=True)
    widths = [max(least, *map(len, texts)) for least, *texts in columns]
    for line in lines:
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        click.echo(printable("  ".join(cells).rstrip()))
    return widths


def print_fields(fields: Iterable[CredentialField]) -> None:
    """Print what can be set, and what each is."""
    for field in fields:
        needed = "required" if field.default is None else f"default '{field.default}'"
        secret = ", secret" if field.secret else ""
        click.echo(f"\n  {field.name}  ({needed}{secret})\n      {field.help}")


def print_rows(rows: Mapping[str, str], *, indent: str = "  ") -> None:
    """Print names and texts below one another."""
    width = max((len(name) for name in rows), default=0)
    for name, text in rows.items():
        click.echo(f"{indent}{name:{width}}  {printable(text)}")


def warn_of_literals(what: Sequence[str], safer: str) -> None:
    """Warn of secrets that stand on the command line; ``safer`` says how else to give one."""
    if what:
        click.echo(
            f"zoneproof: warning: {' and '.join(what)} can be read by others in the process list"
            f" while this runs: {safer} is safer",
            err=True,
        )
