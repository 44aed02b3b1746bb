"""How long after the last name server has the value a client tells the CA, beside certbot.

One zone, two Knots: the second transfers the zone at once, or 20 s after the first has the value.
What is measured is the time from the moment when both have it to the client's answer to the
challenge. Every client runs with its defaults and publishes by RFC 2136 at the first server.
certbot's plugins wait for a fixed time, dns-multi as well: it has lego publish and does not use
lego's own look at the DNS. Clients that only wait take no turns but run all at once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from bench._figures import Bar, print_figure, print_title
from tests.support.ca_proxy import CaProxy, Forward, Reply, Rule
from tests.support.peers.certbot import certonly_command
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET
from tests.support.peers.knot_secondary import KnotSecondary
from tests.support.two_servers import CHALLENGE, DOMAIN, TwoServers, open_two_servers

LAGS = (0.0, 20.0)
# Zoneproof looks in a rhythm, so that a single lag would measure where that happens to be.
SPREAD = (0.9, 1.0, 1.1)
BAR = Bar("at most", 2)

Command = Callable[[TwoServers, CaProxy], list[str]]


def zoneproof(world: TwoServers, ca: CaProxy) -> list[str]:
    """Zoneproof asks the servers."""
    return world.command(
        "issue",
        *world.rfc2136_options,
        f"--directory={ca.directory_url}",
        f"--ca-bundle={world.pebble.ca_bundle}",
        "--agree-tos",
        *world.dns_options,
        DOMAIN,
    )


def certbot_rfc2136(world: TwoServers, ca: CaProxy) -> list[str]:
    """certbot's own plugin for RFC 2136."""
    settings = _settings(
        world,
        f"dns_rfc2136_server = {world.knot.address}",
        f"dns_rfc2136_port = {world.knot.port}",
        f"dns_rfc2136_name = {TSIG_NAME}",
        f"dns_rfc2136_secret = {TSIG_SECRET}",
        f"dns_rfc2136_algorithm = {TSIG_ALGORITHM.upper()}",
    )
    return _certbot(
        world, ca, "--authenticator=dns-rfc2136", f"--dns-rfc2136-credentials={settings}"
    )


def certbot_multi(world: TwoServers, ca: CaProxy) -> list[str]:
    """certbot's plugin that carries lego."""
    settings = _settings(
        world,
        "dns_multi_provider = rfc2136",
        f"RFC2136_NAMESERVER = {world.knot.address}:{world.knot.port}",
        f"RFC2136_TSIG_KEY = {TSIG_NAME}",
        f"RFC2136_TSIG_SECRET = {TSIG_SECRET}",
        f"RFC2136_TSIG_ALGORITHM = {TSIG_ALGORITHM}.",
    )
    return _certbot(
        world,
        ca,
        "--authenticator=dns-multi",
        f"--dns-multi-credentials={settings}",
        f"--dns-multi-nameservers={world.unbound.address}:{world.unbound.port}",
    )


PEERS: dict[str, Command] = {
    "certbot dns-rfc2136": certbot_rfc2136,
    "certbot dns-multi (lego)": certbot_multi,
}


def _settings(world: TwoServers, *lines: str) -> Path:
    path = world.folder / "settings.ini"
    path.touch(0o600)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def _certbot(world: TwoServers, ca: CaProxy, *options: str) -> list[str]:
    return certonly_command(
        ca.directory_url, world.folder / "certbot", *options, f"--domain={DOMAIN}"
    )


def seconds_late(command: Command, lag: float) -> float:
    """Obtain one certificate, and return how long after both servers the client was."""
    went_on: list[float] = []

    def note(forward: Forward) -> Reply:
        went_on.append(time.monotonic())
        return forward()

    with (
        tempfile.TemporaryDirectory() as name,
        open_two_servers(Path(name)) as world,
        CaProxy(world.pebble, [Rule("challenge", note)]) as ca,
        world.secondary() as second,
        ThreadPoolExecutor(1) as pool,
    ):
        second.refresh()
        ended = threading.Event()
        both = pool.submit(_follow, world, second, lag, ended)
        environment = world.environment({"REQUESTS_CA_BUNDLE": str(world.pebble.ca_bundle)})
        try:
            done = subprocess.run(
                command(world, ca), env=environment, capture_output=True, text=True, check=False
            )
        finally:
            ended.set()
        if done.returncode:
            sys.exit(f"{command.__name__} failed: {done.stdout[-500:]}{done.stderr[-1500:]}")
        return went_on[0] - both.result()


def _follow(world: TwoServers, second: KnotSecondary, lag: float, ended: threading.Event) -> float:
    """Let the second server lag behind the first, and return when it has the value."""
    while not world.txt_values(CHALLENGE):
        if ended.wait(0.01):
            raise RuntimeError("no value was published")
    ended.wait(lag)
    second.refresh()
    return time.monotonic()


def run(lags: Sequence[float], peers: dict[str, Command], spread: Sequence[float] = SPREAD) -> None:
    """Measure and print: ours, with lags around each, and each peer's one run."""
    print_title("Seconds from the moment when both servers have the value to the client's answer")
    with ThreadPoolExecutor() as pool:
        waits = {
            (name, lag): pool.submit(seconds_late, command, lag)
            for name, command in peers.items()
            for lag in lags
        }
        theirs = {key: wait.result() for key, wait in waits.items()}
    for lag in lags:
        after = f"second server {lag:g} s late" if lag else "second server at once"
        ours = [seconds_late(zoneproof, lag * part) for part in spread]
        shown = f"{median(ours):.2f} s   (to {max(ours):.2f}; {BAR.verdict(max(ours))})"
        print_figure(f"{after}: zoneproof", shown)
        for name in peers:
            print_figure(f"{after}: {name}", f"{theirs[name, lag]:.2f} s")


def main() -> None:
    """Measure with the numbers above."""
    run(LAGS, PEERS)


if __name__ == "__main__":
    main()
