"""The ``zoneproof notify`` command: sees whether notifications arrive."""

from __future__ import annotations

import click

from zoneproof.cli.option_groups import Commands, json_option
from zoneproof.cli.output import json_document
from zoneproof.cli.running import run_until_done
from zoneproof.core.errors import ConfigError
from zoneproof.core.text import printable
from zoneproof.manager import Home
from zoneproof.manager.notifications.send import send_test
from zoneproof.manager.settings import FILE, load_settings


@click.group(cls=Commands)
def notify() -> None:
    """Notifications by e-mail and webhook, as set in settings.toml."""


@notify.command()
@json_option
def test(as_json: bool) -> None:
    """Send a test message to all receivers. Exits with 1 if one is not reached."""
    home = Home.find()
    settings = load_settings(home.path).notify
    receivers = len(settings.smtp) + len(settings.webhook)
    if not receivers:
        raise ConfigError(
            f"no notifications are configured: add [[notify.smtp]] or [[notify.webhook]] to"
            f" {home.path / FILE}"
        )
    problems = run_until_done(send_test(settings))
    reached = receivers - len(problems)
    if as_json:
        json_document({"receivers": receivers, "reached": reached, "problems": problems})
    else:
        for problem in problems:
            click.echo(f"zoneproof: {printable(problem)}", err=True)
        click.echo(f"{reached} of {receivers} accepted the test message")
    if problems:
        raise SystemExit(1)
