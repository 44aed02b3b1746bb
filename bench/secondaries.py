"""How long until a secondary answers with a change, with Zoneproof and with BIND as its primary.

The same zone twice, each at one primary and one secondary of the same kind. What is measured is the
time from an update that is sent to the primary, by POST /update or by RFC 2136, until the secondary
answers with its value; it is asked every half millisecond. One update after the other, in turn.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import dns.query
import dns.tsigkeyring
import dns.update

from bench._figures import Bar, milliseconds, print_figure, print_ratio, print_title
from bench._service import BenchService
from tests.support.challenge_service import ZONE, register, update
from tests.support.hidden_primary import HiddenPrimary
from tests.support.peers.bind import Named, key_statement
from tests.support.secondaries import ALGORITHM, SECRET, Secondary
from zoneproof.testing.ports import free_port

KINDS = ("knot", "nsd", "bind")
CHANGES = 50
ROUNDS = 5
BAR = Bar("at most", 3)
_ZONE = f"""$ORIGIN {ZONE}.
$TTL 1
@ SOA ns1 hostmaster 1 3600 600 86400 30
@ NS ns1
ns1 A 127.0.0.1
"""
_LOOK_SECONDS = 0.0005
_PATIENCE = 10.0

Change = Callable[[], float]
"""Makes a change, and returns after how many seconds the secondary answered with it."""


def _seconds(publish: Callable[[], object], secondary: Secondary, name: str, value: str) -> float:
    start = time.perf_counter()
    publish()
    while value not in secondary.says(name):
        if time.perf_counter() > start + _PATIENCE:
            raise RuntimeError(f"{secondary.name} does not answer with {name}")
        time.sleep(_LOOK_SECONDS)
    return time.perf_counter() - start


def _value(number: int) -> str:
    return f"{number:043}"


@contextlib.contextmanager
def zoneproof(folder: Path, kind: str) -> Iterator[Change]:
    """Let the challenge service be the primary."""
    primary = HiddenPrimary(folder, kind)
    primary.service = BenchService(primary.config)
    numbers = iter(range(1_000_000))
    with primary:
        (secondary,) = primary.secondaries
        url = primary.service.url
        account = register(url)

        def change() -> float:
            value = _value(next(numbers))
            return _seconds(
                lambda: update(url, account, value), secondary, account.fulldomain, value
            )

        yield change


@contextlib.contextmanager
def bind(folder: Path, kind: str) -> Iterator[Change]:
    """Let BIND be the primary, which takes updates by RFC 2136 and notifies at once."""
    port = free_port()
    secondary = Secondary(kind, folder, [port])
    its_key = f"key {secondary.key};"
    (folder / "primary").mkdir(parents=True)
    (folder / "primary/zone").write_text(_ZONE)
    statements = f"""{key_statement(secondary.key, ALGORITHM, SECRET)}
zone "{ZONE}" {{
  type primary; file "zone"; allow-update {{ {its_key} }}; allow-transfer {{ {its_key} }};
  notify explicit; notify-delay 0; also-notify {{ 127.0.0.1 port {secondary.port} {its_key} }};
}};
"""
    primary = Named(folder / "primary", statements, port=port)
    keyring = dns.tsigkeyring.from_text({secondary.key: SECRET})
    numbers = iter(range(1_000_000))

    def change() -> float:
        value = _value(next(numbers))
        message = dns.update.UpdateMessage(ZONE, keyring=keyring, keyalgorithm=ALGORITHM)
        message.replace("value", 1, "TXT", value)
        return _seconds(
            lambda: dns.query.udp(message, "127.0.0.1", port=port, timeout=5),
            secondary,
            f"value.{ZONE}",
            value,
        )

    with primary, secondary.server:
        yield change


def run(kinds: tuple[str, ...], changes: int, rounds: int) -> None:
    """Measure in turn, and print."""
    print_title(
        "Seconds from an update at the primary until the secondary answers with it,"
        f" {rounds} rounds of {changes} in turn"
    )
    for kind in kinds:
        with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
            ours = stack.enter_context(zoneproof(Path(name) / "zoneproof", kind))
            theirs = stack.enter_context(bind(Path(name) / "bind", kind))
            _round(ours, 5), _round(theirs, 5)
            measured = [(_round(ours, changes), _round(theirs, changes)) for _ in range(rounds)]
        for who, times in zip(("zoneproof", "bind"), zip(*measured, strict=True), strict=True):
            middle, worst = median(map(median, times)), max(map(max, times))
            shown = f"{milliseconds(middle)}   (at most {milliseconds(worst)})"
            print_figure(f"secondary {kind}, primary {who}", shown)
        print_ratio(
            f"secondary {kind}: zoneproof / bind",
            [median(one) for one, _ in measured],
            [median(other) for _, other in measured],
            BAR,
        )


def _round(change: Change, changes: int) -> list[float]:
    return [change() for _ in range(changes)]


def main() -> None:
    """Measure with the numbers above."""
    run(KINDS, CHANGES, ROUNDS)


if __name__ == "__main__":
    main()
