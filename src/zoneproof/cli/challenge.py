"""``zoneproof challenge``: run the challenge service and administer its registrations."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def challenge() -> None:
    """Run the challenge service: DNS answers for dns-01, and an acme-dns API."""


@challenge.command()
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default="zoneproof.toml",
    show_default=True,
    help="The service's configuration.",
)
def serve(path: Path) -> None:
    """Answer DNS and the HTTP API until SIGTERM; SIGHUP rereads the configuration."""
    from zoneproof.challengedns.service import serve as run

    run(path, click.echo)
