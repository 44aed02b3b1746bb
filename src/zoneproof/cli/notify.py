"""The ``zoneproof notify`` command: sees whether notifications arrive."""

from __future__ import annotations

import click


@click.group()
def notify() -> None:
    """Notifications by e-mail and webhook, which settings.toml in the home sets."""


@notify.command()
def test() -> None:
    """Send everybody a message that says that it is a test. Exits with 1 if one is not reached."""
    from zoneproof.cli.tasks import run_until_done
    from zoneproof.errors import ConfigError
    from zoneproof.manager import Home
    from zoneproof.manager.notifications import send_test
    from zoneproof.manager.settings import FILE, load_settings

    home = Home.find()
    settings = load_settings(home.path).notify
    receivers = len(settings.smtp) + len(settings.webhook)
    if not receivers:
        raise ConfigError(
            f"nobody is to be notified: add [[notify.smtp]] or [[notify.webhook]] to"
            f" {home.path / FILE}"
        )
    problems = run_until_done(send_test(settings))
    for problem in problems:
        click.echo(f"zoneproof: {problem}", err=True)
    click.echo(f"{receivers - len(problems)} of {receivers} took the test message")
    if problems:
        raise SystemExit(1)
