"""Options that several commands share, and how a group of them is added to a command."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
Option = Callable[[Any], Any]

DNS_SETTINGS: tuple[Option, ...] = (
    click.option(
        "--propagation",
        help="How to know that DNS has the values: authoritative, seconds, authoritative+SECONDS.",
    ),
    click.option(
        "--propagation-timeout", type=click.FloatRange(min=1), help="Seconds to wait for DNS (600)."
    ),
    click.option(
        "--resolver",
        "resolvers",
        multiple=True,
        help="IP, IP:port or https URL to ask instead of the system's resolvers. Repeatable.",
    ),
)


def add_options(command: F, options: Iterable[Option]) -> F:
    """Return the command with the options, in this order."""
    for option in reversed(tuple(options)):
        command = option(command)
    return command
