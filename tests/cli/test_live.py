"""The drawing of what is happening: its lines, and what a terminal holds in the end."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console

from tests.cli.screen import Screen
from tests.cli.terminal import run_at_terminal
from tests.support.clock import Clock
from tests.support.world import World, open_world, zone_text
from zoneproof.cli.live import LiveLines
from zoneproof.issuance import OrderCreated, OrderPlanned, PropagationWaiting, RecordRemoved, Warned

# --- the drawing -------------------------------------------------------------------------------


def drawn(view: LiveLines, width: int = 60, height: int = 10) -> list[str]:
    console = Console(width=width, height=height, record=True, file=StringIO())
    console.print(view.drawing())
    return [line.rstrip() for line in console.export_text().splitlines()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make_view(clock: Clock, *, each: bool = False, width: int = 60, height: int = 10) -> LiveLines:
    console = Console(width=width, height=height, file=StringIO())
    return LiveLines("asking the DNS", each=each, console=console, clock=clock)


def test_each_identifier_has_a_line_with_what_it_waits_for_and_for_how_long(clock: Clock) -> None:
    view = make_view(clock)
    emit = view.emit_for("")
    clock.now += 2
    assert drawn(view) == ["  asking the DNS    2 s"]
    emit(OrderPlanned({"example.com": "_acme-challenge.example.com", "192.0.2.1": ""}))
    clock.now += 3
    emit(PropagationWaiting("_acme-challenge.example.com", ("ns1.example.com has it not",), 0.0))
    clock.now += 65
    assert drawn(view) == [
        "  example.com   65 s  waiting for DNS: ns1.example.com has …",
        "  192.0.2.1     68 s  to be answered",
    ]


def test_more_identifiers_than_lines_are_summed_up(clock: Clock) -> None:
    view = make_view(clock, height=5)
    view.emit_for("")(OrderPlanned({f"n{number}.example.com": "" for number in range(10, 110)}))
    assert drawn(view, height=5) == [
        "  n10.example.com     0 s  to be answered",
        "  n11.example.com     0 s  to be answered",
        "  and 98 more              98 to be answered",
    ]


def test_of_many_certificates_each_has_a_line_until_it_is_done(clock: Clock) -> None:
    view = make_view(clock, each=True)
    for name in ("one", "two"):
        view.emit_for(name)(OrderPlanned({f"{name}.example.com": "", f"{name}.example.net": ""}))
    assert drawn(view) == ["  one    0 s  to be answered", "  two    0 s  to be answered"]
    view.finish("one")
    assert drawn(view) == ["  two    0 s  to be answered"]
    view.finish("two")
    assert [line for line in drawn(view) if line] == []


def test_names_cannot_write_to_the_screen(clock: Clock) -> None:
    view = make_view(clock, width=100)
    view.emit_for("")(OrderPlanned({"[red]a\x1b[2J": ""}))
    assert drawn(view) == ["  [red]a\\x1b[2J    0 s  to be answered"]


def test_lines_that_stay_are_above_the_drawing_and_name_their_certificate(clock: Clock) -> None:
    told = StringIO()
    console = Console(width=80, height=10, file=told, force_terminal=True, color_system=None)
    with LiveLines("looking", each=True, console=console, clock=clock) as view:
        view.emit_for("")(RecordRemoved("rfc2136", "_acme-challenge.example.net", "left"))
        view.emit_for("web")(OrderPlanned({"example.com": ""}))
        view.emit_for("web")(OrderCreated("url", ("example.com",)))
        view.emit_for("web")(RecordRemoved("rfc2136", "_acme-challenge.example.com", "own"))
        view.emit_for("web")(Warned("this is odd"))
        view.print("web: renewed")
    screen = Screen(told.getvalue())
    assert screen.text.rstrip().splitlines() == [
        "  0.00 s  TXT _acme-challenge.example.net = left removed (rfc2136)",
        "web    0.00 s  warning: this is odd",
        "web: renewed",
    ]
    assert screen.cursor_shown


# --- at a real terminal ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    zones = {
        "example.com": zone_text(
            "example.com", "_acme-challenge.led.b CNAME _acme-challenge.led.example.net."
        ),
        "example.net": zone_text("example.net"),
    }
    environment = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    folder = tmp_path_factory.mktemp("world")
    with open_world(folder, zones, pebble_environment=environment) as opened:
        opened.write_settings()
        yield opened


def terminal(world: World, kind: str = "xterm-256color", lines: int = 24) -> dict[str, str]:
    return {
        "ZONEPROOF_HOME": str(world.home),
        "TERM": kind,
        "COLUMNS": "500",
        "LINES": str(lines),
    }


def options(world: World) -> list[str]:
    return [*world.rfc2136_options, *world.ca_options]


def test_an_issued_certificate_leaves_short_lines_and_no_drawing(world: World) -> None:
    names = ["example.com", "*.example.com", "led.b.example.com"]
    result = run_at_terminal(["issue", *options(world), *names], [], terminal(world))
    assert result.status == 0, result.stdout
    screen = Screen(result.stdout)
    assert screen.cursor_shown
    for line in (
        "delegation: _acme-challenge.led.b.example.com -> _acme-challenge.led.example.net",
        "order placed for example.com, *.example.com, led.b.example.com",
        "DNS has the values at 2 names",
        "3 challenges handed to the CA",
        "certificate issued by Pebble Intermediate CA",
        "3 TXT values published, 3 removed",
        f"fullchain    {world.home}/live/example.com/fullchain.pem",
    ):
        assert line in screen.text
    for drawn_only in ("being validated", "to be published", "published: by"):
        assert drawn_only not in screen.text


def test_more_names_than_lines_fit_the_screen(world: World) -> None:
    names = [f"n{number}.example.com" for number in range(30)]
    result = run_at_terminal(
        ["issue", "--propagation=authoritative+1", *options(world), *names],
        [],
        terminal(world, lines=12),
    )
    assert result.status == 0, result.stdout
    assert "and 21 more" in result.stdout
    screen = Screen(result.stdout)
    assert "order placed for 30 names" in screen.text
    assert "and 21 more" not in screen.text


def test_interrupted_it_leaves_the_terminal_clean_and_nothing_in_the_dns(world: World) -> None:
    result = run_at_terminal(
        ["issue", *options(world), "--propagation=authoritative+600", "away.example.com"],
        [("600 s more", "\x03")],
        terminal(world),
    )
    assert result.status == 130
    screen = Screen(result.stdout.replace("^C\r\n", ""))
    assert screen.cursor_shown
    assert screen.text.rstrip().endswith("zoneproof: interrupted")
    assert "1 TXT value published, 1 removed" in screen.text
    assert "600 s more" not in screen.text
    assert world.txt_values("_acme-challenge.away.example.com") == set()


def test_renewals_are_told_as_they_end(world: World) -> None:
    for name in ("one", "two"):
        world.issue(f"{name}.example.com")
    bad = world.run("add", "bad.example.org", *world.rfc2136_options, "--name=bad")
    assert bad.status == 0, bad.stderr
    result = run_at_terminal(
        ["renew", "--force", "one.example.com", "two.example.com", "bad"],
        [],
        terminal(world),
    )
    assert result.status == 1, result.stdout
    screen = Screen(result.stdout)
    assert "issued" in result.stdout
    assert "issued" not in screen.text
    for line in (
        "one.example.com: renewed (asked for)",
        "two.example.com: renewed (asked for)",
        "bad: failed (",
        "3 certificates: 2 renewed, 1 failed",
    ):
        assert screen.text.count(line) == 1


@pytest.mark.parametrize("kind", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(world: World, kind: str) -> None:
    result = run_at_terminal(
        ["issue", *options(world), f"{kind}.example.com"], [], terminal(world, kind)
    )
    assert result.status == 0, result.stdout
    assert "\x1b[2K" not in result.stdout
    assert "\x1b[?25l" not in result.stdout
    assert "published (rfc2136)" in result.stdout


def test_without_colour_nothing_is_coloured(world: World) -> None:
    result = run_at_terminal(
        ["issue", *options(world), "grey.example.com", "--propagation=1"],
        [],
        {**terminal(world), "NO_COLOR": "1"},
    )
    assert result.status == 0, result.stdout
    assert "\x1b[32m" not in result.stdout
