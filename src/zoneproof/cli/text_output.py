"""Prints results for people: rows and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from zoneproof import moments
from zoneproof.errors import ZoneproofError, printable

if TYPE_CHECKING:
    from zoneproof.manager import Outcome

_PARTS = ("cert", "chain")  # which fullchain.pem holds


def tell_certificate(outcome: Outcome, *, indent: str = "  ") -> None:
    """Print what a certificate is, and where the files are that a server wants."""
    chain = outcome.issued.chain
    leaf = chain.leaf
    rows = {
        "names": ", ".join(chain.names),
        "issuer": chain.issuer,
        "valid until": moments.at_and_distance(leaf.not_valid_after_utc, datetime.now(UTC)),
        **{path.stem: str(path) for path in outcome.files if path.stem not in _PARTS},
    }
    click.echo("")
    print_rows(rows, indent=indent)


def tell_error(error: ZoneproofError) -> None:
    """Print what went wrong, below the records to create."""
    if error.records:
        click.echo("")
        for record in error.records:
            click.echo(f"  {printable(record)}")
        click.echo("")
    click.echo(f"zoneproof: {printable(error.message)}", err=True)


def print_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below a heading, in columns."""
    lines = [heading, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        click.echo(printable("  ".join(cells).rstrip()))


def print_rows(rows: Mapping[str, str], *, indent: str = "  ") -> None:
    """Print names and texts below one another."""
    width = max((len(name) for name in rows), default=0)
    for name, text in rows.items():
        click.echo(f"{indent}{name:{width}}  {printable(text)}")
