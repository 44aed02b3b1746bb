"""certbot, with folders of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from zoneproof.testing.pebble import Pebble


def certbot_command(folder: Path, *arguments: str) -> list[str]:
    """Return a command of certbot that asks nothing and keeps all in ``folder``."""
    return [
        str(Path(sys.executable).with_name("certbot")),
        *arguments,
        "--non-interactive",
        f"--config-dir={folder}",
        f"--work-dir={folder}/work",
        f"--logs-dir={folder}/logs",
    ]


def certonly_command(directory_url: str, folder: Path, *options: str) -> list[str]:
    """Return the command that obtains a certificate."""
    return certbot_command(
        folder,
        "certonly",
        "--agree-tos",
        "--register-unsafely-without-email",
        f"--server={directory_url}",
        *options,
    )


def certonly(pebble: Pebble, folder: Path, *options: str) -> None:
    """Obtain a certificate."""
    _run(pebble, certonly_command(pebble.directory_url, folder, *options))


def renew(pebble: Pebble, folder: Path, *options: str) -> None:
    """Renew all certificates, due or not."""
    _run(
        pebble,
        certbot_command(folder, "renew", "--force-renewal", "--no-random-sleep-on-renew", *options),
    )


def _run(pebble: Pebble, command: list[str]) -> None:
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "REQUESTS_CA_BUNDLE": str(pebble.ca_bundle),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
