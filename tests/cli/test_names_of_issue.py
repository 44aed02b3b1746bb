"""``issue`` with a name that a certificate has: it loses no names unless somebody says so."""

from __future__ import annotations

from tests.cli.managing import issue
from tests.cli.terminal import run_at_terminal
from tests.support.world import World

A, B, C = "a.example.com", "b.example.com", "c.example.com"


def names_of(world: World, certificate: str) -> list[str]:
    found: list[str] = world.shown(certificate)["definition"]["identifiers"]
    return found


def test_a_name_is_dropped_only_from_a_certificate_that_is_named(world: World) -> None:
    issue(world, A, B)
    for command in ("issue", "preview"):
        refused = world.run(command, A, C, *world.ca_options)
        assert refused.status == 2
        assert f"{B} would be dropped from the certificate {A}: name it, too" in refused.stderr
    assert names_of(world, A) == [A, B]
    issue(world, A, B, C)
    issue(world, A, C, f"--name={A}")
    assert names_of(world, A) == [A, C]


def test_a_wildcard_does_not_replace_its_domain_without_a_word(world: World) -> None:
    issue(world, A)
    refused = world.run("issue", f"*.{A}", *world.ca_options)
    assert refused.status == 2
    assert f"{A} would be dropped from the certificate {A}" in refused.stderr
    assert names_of(world, A) == [A]


def test_at_a_terminal_it_is_asked_whether_a_name_is_dropped(world: World) -> None:
    issue(world, A, B)
    for answer, status, left in (("n", 1, [A, B]), ("y", 0, [A, C])):
        asked = run_at_terminal(
            ["issue", A, C],
            [(f"{B} would be dropped from the certificate {A}. Do that?", answer)],
            world.environment(),
        )
        assert asked.status == status, asked.stdout
        assert names_of(world, A) == left


def test_the_certificate_of_a_wildcard_is_not_one_of_its_domain(world: World) -> None:
    issue(world, f"*.{A}")
    for command in ("issue", "preview"):
        refused = world.run(command, A, *world.rfc2136_options, *world.ca_options)
        assert refused.status == 2
        assert f"the certificate {A} is for *.{A} only: 'zoneproof edit {A}" in refused.stderr
    assert f"{A} (for *.{A}) is valid until" in world.good("issue", A)
    assert f"the certificate {A} (for *.{A})" in world.good("preview", A)
    issue(world, f"*.{A}", A)
    assert names_of(world, A) == [f"*.{A}", A]
    assert f"{A} is valid until" in world.good("issue", A)
