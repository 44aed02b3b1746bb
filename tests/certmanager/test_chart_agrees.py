"""The chart lets through what the program takes, and nothing that would fail in the pod."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.certmanager.chart_values import NODES, SERVICE
from tests.certmanager.helm import CHART, read_yaml, run_helm
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.dns.zonefile import compile_zones

ADDRESSES = ("192.0.2.1", "2001:DB8::1", "::ffff:192.0.2.1")
NO_ADDRESSES = ("1.2.3", "192.0.2.256", "192.0.2.01", "ns1", "192.0.2.1/32", "fe80::1%eth0")
NO_NAMES = ("ns1", ".", "*.example.net", "ns 1.example.net", "-n.example.net", "a..b", "192.0.2.1")
NODE = "/challengeService/nodes/0"
TAKEN = {
    "/challengeService/zone": ("auth.example.org", "_a.example.org", "xn--mnchen-3ya.example"),
    "/challengeService/hostmaster": ("", "a.b+c@example.org", "root@localhost", "dns.example.org"),
    "/challengeService/trustedProxies/0": (*ADDRESSES, "10.0.0.0/8", "fd00::/8"),
    "/listenAddresses/0": (*ADDRESSES, "0.0.0.0", "::"),
}
TAKEN_OF_A_POD = {
    **TAKEN,
    "/challengeService/nameserver": ("dns_1.auth.example.org", "", "dns.example.net"),
    "/challengeService/apiName": ("acme.auth.example.org", ""),
    "/challengeService/tls/email": ("", "a.b+c@example.org"),
    "/challengeService/addresses/0": ADDRESSES,
}
TAKEN_OF_A_NODE = {
    **TAKEN,
    f"{NODE}/name": ("ns1", "1", "a-b"),
    f"{NODE}/nameserver": ("", "dns.example.net"),
    f"{NODE}/addresses/0": ADDRESSES,
    f"{NODE}/peerAddress": ("", *ADDRESSES),
}
REFUSED = {
    "/challengeService/zone": ("", "org", *NO_NAMES[1:]),
    "/challengeService/nameserver": NO_NAMES,
    "/challengeService/apiName": NO_NAMES,
    "/challengeService/hostmaster": ("hostmaster", "@", "a b@example.org", "a@b@c"),
    "/challengeService/tls/email": ("hostmaster", "@", "a b@example.org", "dns.example.org"),
    "/challengeService/addresses/0": NO_ADDRESSES,
    "/challengeService/trustedProxies/0": ("all", "10.0.0.0/", "10.0.0/8"),
    "/listenAddresses/0": NO_ADDRESSES,
    f"{NODE}/name": ("", "NS1", "ns_1", "-a"),
    f"{NODE}/nameserver": NO_NAMES,
    f"{NODE}/addresses/0": (*NO_ADDRESSES, "0.0.0.0", "::"),
    f"{NODE}/peerAddress": (*NO_ADDRESSES, "0.0.0.0", "::"),
}


def turns(texts: Mapping[str, Sequence[str]]) -> list[Any]:
    """Return what each place has in turn, with a text of its own for each, while it has one."""
    longest = max(map(len, texts.values()))
    found = [
        {place: some[turn] for place, some in texts.items() if turn < len(some)}
        for turn in range(longest)
    ]
    return [pytest.param(one, id=str(turn)) for turn, one in enumerate(found)]


def values(service: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return values of the chart with a text at each place."""
    complete: dict[str, Any] = {
        "webhook": {"enabled": False},
        "listenAddresses": ["::"],
        "challengeService": copy.deepcopy({**service, "trustedProxies": ["10.0.0.1"]}),
    }
    for place, text in texts.items():
        *above, last = (int(key) if key.isdigit() else key for key in place[1:].split("/"))
        where: Any = complete
        for key in above:
            where = where[key]
        where[last] = text
    return complete


def check_taken(service: Mapping[str, Any], texts: Mapping[str, str], folder: Path) -> None:
    done = run_helm("template", "zoneproof", str(CHART), values=values(service, texts))
    assert done.returncode == 0, done.stderr
    written = [
        file
        for one in read_yaml(done.stdout)
        for file in (one["data"].values() if one["kind"] == "ConfigMap" else ())
    ]
    assert written
    for one in written:
        file = folder / "zoneproof.toml"
        file.write_text(one)
        compile_zones(file, load_config(file).zones)


@pytest.mark.parametrize("texts", turns(TAKEN_OF_A_POD))
def test_what_the_chart_takes_for_a_pod_the_program_takes(
    texts: Mapping[str, str], tmp_path: Path
) -> None:
    check_taken(SERVICE, texts, tmp_path)


@pytest.mark.parametrize("texts", turns(TAKEN_OF_A_NODE))
def test_what_the_chart_takes_for_a_node_the_program_takes(
    texts: Mapping[str, str], tmp_path: Path
) -> None:
    check_taken(NODES, texts, tmp_path)


@pytest.mark.parametrize("texts", turns(REFUSED))
def test_what_the_program_would_refuse_the_chart_refuses(texts: Mapping[str, str]) -> None:
    done = run_helm("template", "zoneproof", str(CHART), values=values(NODES, texts))
    told = re.findall(r"at '([^']*)': (?!validation failed)", done.stderr)
    assert sorted(told) == sorted(texts)


def test_the_api_s_name_is_in_the_zone() -> None:
    elsewhere = {"/challengeService/apiName": "api.example.net"}
    done = run_helm("template", "zoneproof", str(CHART), values=values(SERVICE, elsewhere))
    assert "challengeService.apiName: with tls.mode 'auto' it is a name in the zone" in done.stderr
