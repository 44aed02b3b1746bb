"""The chart lets through what the program takes, and nothing that would fail in the pod."""

from __future__ import annotations

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
TAKEN = {
    "zone": ("auth.example.org", "_a.example.org", "xn--mnchen-3ya.example"),
    "nameserver": ("", "dns_1.auth.example.org", "dns.example.net"),
    "apiName": ("", "acme.auth.example.org"),
    "hostmaster": ("", "a.b+c@example.org", "root@localhost", "dns.example.org"),
    "email": ("", "a.b+c@example.org"),
    "address": ADDRESSES,
    "proxy": (*ADDRESSES, "10.0.0.0/8", "fd00::/8"),
    "listen": (*ADDRESSES, "0.0.0.0", "::"),
    "node": ("ns1", "1", "a-b"),
    "its name server": ("", "dns.example.net"),
    "its address": ADDRESSES,
    "peer": ("", *ADDRESSES),
}
REFUSED = {
    "zone": ("", "org", *NO_NAMES[1:]),
    "nameserver": NO_NAMES,
    "apiName": (*NO_NAMES, "api.example.net"),
    "hostmaster": ("hostmaster", "@", "a b@example.org", "a@b@c"),
    "email": ("hostmaster", "@", "a b@example.org", "dns.example.org"),
    "address": NO_ADDRESSES,
    "proxy": ("all", "10.0.0.0/", "10.0.0/8"),
    "listen": NO_ADDRESSES,
    "node": ("", "NS1", "ns_1", "-a"),
    "its name server": NO_NAMES,
    "its address": (*NO_ADDRESSES, "0.0.0.0", "::"),
    "peer": (*NO_ADDRESSES, "0.0.0.0", "::"),
}


def values(field: str, text: str) -> dict[str, Any]:
    """Return values of the chart with a text in a field."""
    node = {"name": "ns1", "addresses": ["192.0.2.1"]}
    changed: dict[str, dict[str, Any]] = {
        "email": {**SERVICE, "tls": {"agreeTos": True, "email": text}},
        "address": {**SERVICE, "addresses": [text]},
        "proxy": {**SERVICE, "trustedProxies": [text]},
        "listen": SERVICE,
        "node": {**NODES, "nodes": [{**node, "name": text}]},
        "its name server": {**NODES, "nodes": [{**node, "nameserver": text}]},
        "its address": {**NODES, "nodes": [{**node, "addresses": [text]}]},
        "peer": {**NODES, "nodes": [{**node, "peerAddress": text}]},
    }
    service = changed.get(field, {**SERVICE, field: text})
    listen = {"listenAddresses": [text]} if field == "listen" else {}
    return {"webhook": {"enabled": False}, "challengeService": service, **listen}


@pytest.mark.parametrize("field", TAKEN)
def test_what_the_chart_takes_the_program_takes(field: str, tmp_path: Path) -> None:
    for text in TAKEN[field]:
        done = run_helm("template", "zoneproof", str(CHART), values=values(field, text))
        assert done.returncode == 0, f"{text!r}: {done.stderr}"
        for one in read_yaml(done.stdout):
            for written in one["data"].values() if one["kind"] == "ConfigMap" else ():
                file = tmp_path / "zoneproof.toml"
                file.write_text(written)
                compile_zones(file, load_config(file).zones)


@pytest.mark.parametrize("field", REFUSED)
def test_what_the_program_would_refuse_the_chart_refuses(field: str) -> None:
    for text in REFUSED[field]:
        done = run_helm("template", "zoneproof", str(CHART), values=values(field, text))
        assert done.returncode != 0, text
        assert "challengeService" in done.stderr or "listenAddresses" in done.stderr
