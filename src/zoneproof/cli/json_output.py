"""Prints results, events and errors as JSON for programs, and short results for people, too."""

from __future__ import annotations

import click
import msgspec

from zoneproof.errors import ZoneproofError, printable


def json_text(value: object, *, indent: int = -1) -> str:
    """Return a value as JSON, escaped wherever a terminal could take it for more than text."""
    text = msgspec.json.encode(value).decode()
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escaped(char) for char in text)
    return msgspec.json.format(text, indent=indent)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


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
