"""Certificates, credentials and locks are called after domains, however long those are."""

from __future__ import annotations

import pytest

from tests.cli.inside import Inside
from tests.cli.managing import issue
from tests.support.world import World

# As long as DNS allows with '_acme-challenge.' before it, and as long as it allows at all.
LABELS = ["a" * 63, "b" * 63, "c" * 63]
LONGEST_BY_DNS = ".".join([*LABELS, "d" * 33, "example.com"])
LONGEST = ".".join([*LABELS, "d" * 49, "example.com"])


def test_the_longest_name_is_issued_renewed_and_removed(world: World) -> None:
    assert len(LONGEST_BY_DNS) == 253 - len("_acme-challenge.")
    issue(world, LONGEST_BY_DNS)
    assert (world.home / "live" / LONGEST_BY_DNS / "fullchain.pem").exists()
    renewed = world.run("renew", "--force", LONGEST_BY_DNS)
    assert renewed.status == 0, renewed.stderr
    shown = world.run("credential", "list").stdout
    assert f"{LONGEST_BY_DNS}-rfc2136" in shown
    removed = world.run("remove", LONGEST_BY_DNS, "--yes", "--delete-files")
    assert removed.status == 0, removed.stderr
    assert not (world.home / "archive" / LONGEST_BY_DNS).exists()


def test_a_name_as_long_as_names_can_be_is_for_http_01(inside: Inside) -> None:
    assert len(LONGEST) == 253
    inside.good("add", LONGEST, "--standalone")
    assert LONGEST in inside.good("list")
    refused = inside.run("preview", LONGEST, "--provider=manual")
    assert "too long to be validated by DNS" in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        (("add", "example.com", "--provider=manual", f"--name={'n' * 254}"), "at most 253"),
        (("credential", "add", "manual", f"--name={'n' * 301}"), "at most 300"),
    ],
)
def test_names_that_are_longer_are_refused_with_the_limit(
    inside: Inside, arguments: tuple[str, ...], most: str
) -> None:
    result = inside.run(*arguments)
    assert result.status == 2
    assert most in result.stderr
