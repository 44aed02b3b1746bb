"""``zoneproof notify test``."""

from __future__ import annotations

import json

from tests.cli.inside import Inside

# Nobody listens at port 1.
UNREACHABLE = """
[[notify.webhook]]
url = "http://127.0.0.1:1/topsecretpart"
[[notify.smtp]]
host = "127.0.0.1"
port = 1
security = "none"
sender = "zoneproof@example.com"
recipients = ["ops@example.com"]
"""


def test_without_receivers_the_error_says_what_to_add_where(inside: Inside) -> None:
    result = inside.run("notify", "test")
    assert result.status == 2
    assert f"add [[notify.smtp]] or [[notify.webhook]] to {inside.home}" in result.stderr


def test_each_who_is_not_reached_is_told_in_a_line_without_secrets(inside: Inside) -> None:
    inside.home.mkdir()
    (inside.home / "settings.toml").write_text(UNREACHABLE)
    result = inside.run("notify", "test")
    assert result.status == 1
    assert result.stdout == "0 of 2 accepted the test message\n"
    assert len(result.stderr.splitlines()) == 2
    assert "topsecretpart" not in result.stderr


def test_a_script_gets_how_many_were_reached_and_why_not_the_others(inside: Inside) -> None:
    inside.home.mkdir()
    (inside.home / "settings.toml").write_text(UNREACHABLE)
    result = inside.run("notify", "test", "--json")
    document = json.loads(result.stdout)
    assert (result.status, document["receivers"], document["reached"]) == (1, 2, 0)
    assert len(document["problems"]) == 2
    assert result.stderr == ""
