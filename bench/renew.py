"""1,000 managed certificates renewed in one run, with what is down too; and a few beside certbot.

The many are validated for real: Zoneproof publishes each value by rfc2136, asks Knot whether it is
there, and Pebble asks Knot for it. For the comparison both clients publish through a hook that does
nothing (/bin/true) and Pebble accepts without asking, so that what differs is the clients.
Both are told to renew by force what is not due yet. Pebble rejects no nonces, because certbot
retries those once only and would fail. What is down is one name server of six that never answers
an update, and then the CA, which refuses connections.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, SOCK_STREAM, socket

from bench._figures import Bar, megabytes, print_figure, print_ratio, print_title
from bench._renewals import ZONE, ZONES, Cost, ManagedHome, rfc2136, run, with_pebble
from tests.support.peers.certbot import certbot_command, certonly_command
from tests.support.peers.knot import Knot
from zoneproof.manager import Credential
from zoneproof.testing.pebble import Pebble
from zoneproof.testing.ports import free_port

_PROVIDERS = 6
RATE = Bar("at least", 1)


def measure(many: int, few: int, rounds: int) -> None:
    """Print the figures."""
    with (
        tempfile.TemporaryDirectory() as name,
        Knot(Path(name) / "knot", ZONES) as knot,
    ):
        folder, resolver = Path(name), f"{knot.address}:{knot.port}"
        with_pebble(folder / "many", partial(_measure_many, knot, many), resolver)
        with_pebble(folder / "down", partial(_measure_down, knot, many // 2), resolver)
        pair = partial(_measure_pair, knot, few, rounds)
        with_pebble(folder / "pair", pair, None, PEBBLE_VA_ALWAYS_VALID="1")


def _measure_many(knot: Knot, count: int, folder: Path, pebble: Pebble) -> None:
    print_title(f"{count:,} managed certificates, all due, with Pebble and Knot on the same cores")
    home = ManagedHome(folder / "home")
    home.make(count, pebble, knot, [rfc2136(knot)])
    _print_rate("first obtained", home.run("renew"), count)
    _print_rate("renewed", home.run("renew", "--force"), count)
    assert home.delivered() == 2 * count
    _print_cost("list", home.run("list"))
    _print_cost("preview --all", home.run("preview", "--all"))


def _measure_down(knot: Knot, count: int, folder: Path, pebble: Pebble) -> None:
    print_title(f"{count:,} managed certificates by {_PROVIDERS} providers, of which one is down")
    with socket(AF_INET, SOCK_DGRAM) as silent, socket(AF_INET, SOCK_STREAM) as silent_too:
        silent.bind(("127.0.0.1", free_port()))
        silent_too.bind(silent.getsockname())
        silent_too.listen()
        credentials = [rfc2136(knot, f"dns{number}") for number in range(1, _PROVIDERS)]
        credentials.insert(_PROVIDERS // 2, rfc2136(knot, "dead", silent.getsockname()[1]))
        home = ManagedHome(folder / "home")
        home.make(count, pebble, knot, credentials)
        begin = time.time()
        cost = home.run("renew", status=1)
        alive = count - len(range(_PROVIDERS // 2, count, _PROVIDERS))
        assert home.delivered() == alive
        seconds = home.last_delivered_at() - begin
        _print_rate("those of the other five", replace(cost, seconds=seconds), alive)
        _print_cost("until the dead one is given up", cost)
        print_figure("failures on record", str(home.failures()))
    pebble.stop()
    before = home.failures()
    cost = home.run("renew", "--force", status=1)
    assert home.delivered() == alive
    _print_cost(f"the CA is down: {count:,} that are due", cost)
    print_figure("failures on record", str(home.failures() - before))


def _measure_pair(knot: Knot, count: int, rounds: int, folder: Path, pebble: Pebble) -> None:
    print_title(f"{count} certificates renewed in one run, {rounds} times in turn with certbot")
    home = ManagedHome(folder / "home")
    nothing = {"create": "/bin/true", "delete": "/bin/true"}
    home.make(count, pebble, knot, [Credential("hook", "script", nothing)])
    with (home.path / "settings.toml").open("a") as settings:
        settings.write("dns.propagation = 0\n")
    home.run("renew")
    certbot = Certbot(folder, pebble)
    for number in range(count):
        certbot.obtain(f"h{number}.{ZONE}")
    pairs = [(home.run("renew", "--force"), certbot.renew()) for _ in range(rounds)]
    delivered = (1 + rounds) * count
    assert home.delivered() == delivered == certbot.delivered()
    _print_rate("zoneproof", pairs[-1][0], count)
    _print_rate("certbot", pairs[-1][1], count)
    ours = [count / ours.seconds for ours, _ in pairs]
    theirs = [count / theirs.seconds for _, theirs in pairs]
    print_ratio("zoneproof / certbot, certificates a second", ours, theirs, RATE)


class Certbot:
    """A certbot with folders of its own, whose hooks do nothing."""

    def __init__(self, folder: Path, pebble: Pebble) -> None:
        self._folder = folder / "certbot"
        self._environment = {"REQUESTS_CA_BUNDLE": str(pebble.ca_bundle)}
        self._obtain = certonly_command(
            pebble.directory_url,
            self._folder,
            "--manual",
            "--preferred-challenges=dns",
            "--manual-auth-hook=/bin/true",
            "--manual-cleanup-hook=/bin/true",
            "--key-type=ecdsa",
        )

    def obtain(self, name: str) -> Cost:
        """Obtain a certificate for a name."""
        return run([*self._obtain, f"--domain={name}"], self._environment)

    def delivered(self) -> int:
        """Return how many certificates it has written, in every version."""
        return sum(1 for _ in (self._folder / "archive").glob("*/fullchain*.pem"))

    def renew(self) -> Cost:
        """Renew all that are due."""
        options = ["--force-renewal", "--no-random-sleep-on-renew"]
        return run(certbot_command(self._folder, "renew", *options), self._environment)


def _print_rate(what: str, cost: Cost, count: int) -> None:
    print_figure(
        what,
        f"{count / cost.seconds:.1f} certificates/s, {cost.seconds:.1f} s,"
        f" {megabytes(cost.memory)} at most",
    )


def _print_cost(what: str, cost: Cost) -> None:
    print_figure(
        what,
        f"{cost.seconds:.2f} s, {cost.cpu:.2f} s of CPU, {megabytes(cost.memory)} at most",
    )


def main() -> None:
    """Measure with the numbers that the documentation speaks of."""
    measure(many=1_000, few=20, rounds=3)


if __name__ == "__main__":
    main()
