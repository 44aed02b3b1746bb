"""Which providers a zone is recognised to be at, by the names of its name servers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.made_up import registered
from zoneproof.core.names import DomainName
from zoneproof.providers import recognize, slugs


@pytest.fixture(autouse=True)
def _made_up() -> Iterator[None]:
    with registered():
        yield


_ISSUE = ["issue", "a.test", "--ca=https://127.0.0.1:9/", "--provider=script"]
_ISSUE += ["--field=create=/bin/true", "--field=delete=/bin/true"]
_LOADED = """
import runpy, sys
try:
    runpy.run_module("zoneproof", run_name="__main__", alter_sys=True)
except SystemExit:
    print(*sys.modules, sep="\\n")
"""


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["credential", "list"],
        _ISSUE,
    ],
    ids=["help", "list", "issue with a method"],
)
def test_what_names_its_method_imports_no_other_provider(
    command: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *command],
        env={**os.environ, "ZONEPROOF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    loaded = done.stdout.split()
    assert "zoneproof.cli" in loaded
    others = [slug for slug in slugs() if slug not in ("script", "made-up", "keyless-one")]
    assert not {f"zoneproof.providers.{slug.replace('-', '_')}" for slug in others} & set(loaded)


@pytest.mark.parametrize(
    ("name_servers", "slugs"),
    [
        (["ns1.example.com"], ["made-up", "keyless-one"]),  # the longest pattern first
        (["ns2.example.com"], ["keyless-one"]),
        (["NS1.EXAMPLE.NET", "ns1.example.org"], ["keyless-one"]),
        (["ns1.example.org"], []),
        (["xns1.example.net", "example.com"], []),
        ([], []),
    ],
)
def test_a_zone_is_recognised_by_its_name_servers(
    name_servers: list[str], slugs: list[str]
) -> None:
    found = recognize(DomainName(name) for name in name_servers)
    assert [info.slug for info in found] == slugs


@pytest.mark.parametrize(
    ("server", "slug"),
    [
        ("ns5.kasserver.com", "all-inkl"),
        ("kiki.bunny.net", "bunny"),
        ("blakely.ns.cloudflare.com", "cloudflare"),
        ("ns41.cloudns.net", "cloudns"),
        ("pns31.cloudns.net", "cloudns"),
        ("dns41.cloudns.net", "cloudns"),
        ("ns11.constellix.com", "constellix"),
        ("ns2.desec.org", "desec"),
        ("ns1.digitalocean.com", "digitalocean"),
        ("ns2.dnsimple-edge.net", "dnsimple"),
        ("ns10.dnsmadeeasy.com", "dnsmadeeasy"),
        ("ns-148-a.gandi.net", "gandi"),
        ("ns01.domaincontrol.com", "godaddy"),
        ("pdns01.domaincontrol.com", "godaddy"),
        ("helium.ns.hetzner.de", "hetzner"),
        ("ns1045.ui-dns.com", "ionos"),
        ("ns5.linode.com", "linode"),
        ("dns1.registrar-servers.com", "namecheap"),
        ("dns1.p08.nsone.net", "ns1"),
        ("curitiba.ns.porkbun.com", "porkbun"),
        ("ns-1536.awsdns-00.co.uk", "route53"),
        ("ns0.dom.scw.cloud", "scaleway"),
        ("ns1.vercel-dns.com", "vercel"),
        ("ns1.vultr.com", "vultr"),
    ],
)
def test_servers_that_zones_were_seen_with_are_recognised(server: str, slug: str) -> None:
    assert slug in [info.slug for info in recognize([DomainName.parse(server)])]
