"""Runs ``zoneproof challenge serve --check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.command import run_zoneproof

CONFIG = """
[dns]
listen = ["127.0.0.1:{port}"]
workers = 1
[api]
listen = ["127.0.0.1:0"]
{api}
[service]
user = "root"
[[zones]]
name = "auth.example.org"
nameservers = ["ns1.auth.example.org", "ns2.auth.example.org"]
hostmaster = "hostmaster@example.org"
records = '''
ns1 A 127.0.0.1
ns2 A 127.0.0.1
'''
"""


def check(config: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code and the findings."""
    command = ("challenge", "serve", "--config", str(config), "--check", "--json")
    done = run_zoneproof(*command, *options, timeout=60)
    assert not done.stderr, done.stderr
    return done.status, json.loads(done.stdout)["findings"]
