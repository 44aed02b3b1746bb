"""Prints results, events and errors as JSON for programs, and short results for people, too."""

from __future__ import annotations

import click
import msgspec

from zoneproof.errors import ZoneproofError, printable


def json_document(value: object) -> None:
    """Print a result as one indented JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def tell(result: object, text: str, *, as_json: bool) -> None:
    """Print a result as JSON, or what it means as text for people."""
    if as_json:
        json_document(result)
    else:
        click.echo(printable(text))


def json_line(value: object) -> None:
    """Print one of several results or events, as a line of JSON."""
    click.echo(msgspec.json.encode(value))


def json_error(error: ZoneproofError) -> None:
    """Print an error as a line of JSON."""
    json_line(
        {
            "event": "error",
            "kind": type(error).__name__,
            "message": error.message,
            "records": error.records,
            "exit_code": error.exit_code,
        }
    )
