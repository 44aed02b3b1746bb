"""The ``zoneproof demo`` command: a real certificate from an empty start, on one machine."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click


@click.command()
@click.option("--keep", is_flag=True, help="Leave the files, and say where they are.")
def demo(keep: bool) -> None:
    """Obtain a wildcard certificate from a test CA, through a CNAME.

    Starts Pebble and the challenge service on loopback, and ends them. Needs no rights, no
    network, and leaves nothing behind.
    """
    from zoneproof.cli.demo.pebble import find_pebble
    from zoneproof.cli.demo.story import tell_story
    from zoneproof.cli.tasks import run_until_done

    find_pebble()
    folder = Path(tempfile.mkdtemp(prefix="zoneproof-demo-"))
    try:
        run_until_done(tell_story(folder))
        if keep:
            click.echo(f"\n  The files stay in {folder}")
        else:
            click.echo("\n  The files are removed now; with --keep they stay.")
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
