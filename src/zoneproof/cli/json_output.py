"""Prints results, events and errors as JSON, for programs."""

from __future__ import annotations

import click
import msgspec

from zoneproof.errors import ZoneproofError


def json_document(value: object) -> None:
    """Print a result as one indented JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


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
