"""Credentials whose records acme.sh, dns-lexicon or a certbot plugin writes, from add to issue."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.providers.adapter_harness import nsupdate_folder
from tests.support.name_servers import add_txt, common_port
from tests.support.peers.acme_sh import ACME_SH_HOME
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET
from tests.support.peers.powerdns import API_KEY, PowerDns
from tests.support.world import World, open_world, zone_text
from zoneproof.providers import short_name

ZONE, API_ZONE = "adapter.test", "adapter-api.test"
POWERDNS = "127.0.0.2"


@dataclass
class Family:
    """A provider of a family, what it is given, and the zone that it writes to."""

    slug: str
    fields: dict[str, str]
    secret: str
    zone: str
    server: str = "127.0.0.1"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    port = common_port("127.0.0.1", POWERDNS)
    with (
        PowerDns(folder / "pdns", [API_ZONE], address=POWERDNS, port=port) as powerdns,
        open_world(
            folder,
            {ZONE: zone_text(ZONE)},
            stubs={API_ZONE: [f"{POWERDNS}@{port}"]},
            port=port,
        ) as made,
    ):
        (folder / "pdns.url").write_text(powerdns.url)
        yield made


@pytest.fixture(params=["acmesh", "lexicon", "certbot"])
def family(request: pytest.FixtureRequest, world: World) -> Family:
    port = str(world.knot.port)
    if request.param == "acmesh":
        key = world.folder / "nsupdate.key"
        key.write_text(
            f'key "{TSIG_NAME}" {{ algorithm {TSIG_ALGORITHM}; secret "{TSIG_SECRET}"; }};\n'
        )
        fields = {"NSUPDATE_SERVER": "127.0.0.1", "NSUPDATE_SERVER_PORT": port}
        return Family("acmesh:dns_nsupdate", {**fields, "NSUPDATE_KEY": str(key)}, str(key), ZONE)
    if request.param == "lexicon":
        url = (world.folder / "pdns.url").read_text()
        fields = {"pdns_server": url, "auth_token": API_KEY}
        return Family("lexicon:powerdns", fields, API_KEY, API_ZONE, POWERDNS)
    fields = {
        "dns_rfc2136_server": "127.0.0.1",
        "dns_rfc2136_port": port,
        "dns_rfc2136_name": TSIG_NAME,
        "dns_rfc2136_secret": TSIG_SECRET,
        "dns_rfc2136_algorithm": TSIG_ALGORITHM.upper(),
    }
    return Family("certbot:dns-rfc2136", fields, TSIG_SECRET, ZONE)


@pytest.fixture(autouse=True)
def machine(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has acme.sh and nsupdate."""
    folder = nsupdate_folder(world.folder / "bin")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ACME_SH_HOME", str(ACME_SH_HOME))


def test_from_a_credential_to_a_certificate(world: World, family: Family, tmp_path: Path) -> None:
    here = world.at(tmp_path)
    name = short_name(family.slug)
    fields = [f"--field={key}={value}" for key, value in family.fields.items()]
    assert here.good("credential", "add", family.slug, *fields).startswith(f"{name} is stored")
    shown = here.good("credential", "show", name)
    assert family.slug in shown
    assert family.secret not in shown
    tested = here.good("credential", "test", name, f"--zone={family.zone}", *here.dns_options)
    assert f"the credential {name} works" in tested
    domains = [
        f"{name.replace('_', '-')}.{family.zone}",
        f"*.{name.replace('_', '-')}.{family.zone}",
    ]
    owner = f"_acme-challenge.{domains[0]}"
    others = set()
    if family.zone == ZONE:  # some of these programs delete all that is at a name
        others = {"value-of-somebody-else"}
        add_txt(world.knot, ZONE, owner, *others)
    here.good("issue", f"--credential={name}", *here.ca_options, *here.dns_options, *domains)
    (listed,) = here.listed()
    assert listed["identifiers"] == domains
    question = dns.message.make_query(owner, "TXT")
    reply = dns.query.tcp(question, family.server, port=world.knot.port, timeout=5)
    values = {b"".join(record.strings).decode() for rrset in reply.answer for record in rrset}
    assert values == others
    assert here.good("leftover", "list", "--json") == "[]\n"


def test_a_certificate_may_be_given_such_a_provider_itself(
    world: World, family: Family, tmp_path: Path
) -> None:
    here = world.at(tmp_path)
    fields = [f"--field={key}={value}" for key, value in family.fields.items()]
    domain = f"{short_name(family.slug).replace('_', '-')}-itself.{family.zone}"
    options = [f"--provider={family.slug}", *fields, *here.ca_options, *here.dns_options]
    here.good("issue", *options, domain)
    (credential,) = json.loads(here.good("credential", "list", "--json"))
    assert credential["name"] == f"{domain}-{short_name(family.slug)}"
    assert family.secret not in here.good("show", domain)


def test_what_is_installed_is_listed(world: World) -> None:
    text = world.good("provider", "list")
    titles = dict(line.split(None, 1) for line in text.splitlines())
    assert titles["acmesh:dns_cf"] == "CloudFlare (acme.sh)"
    assert titles["lexicon:powerdns"] == "powerdns (dns-lexicon)"
    assert titles["certbot:dns-rfc2136"] == "dns-rfc2136 (certbot plugin)"
    brought = {
        one["slug"]: one["title"] for one in json.loads(world.good("provider", "list", "--json"))
    }
    assert brought["acmesh:dns_cf"] == "CloudFlare (acme.sh)"
    assert brought["rfc2136"] == "RFC 2136 dynamic update"
    shown = world.good("provider", "show", "acmesh:dns_cf")
    assert "CF_Token  (default '', secret)\n      API Token\n" in shown
    assert "any variable that the script reads" in shown


def test_dns_settings_of_such_a_provider(world: World, tmp_path: Path) -> None:
    here = world.at(tmp_path)
    here.write_settings('[provider."acmesh:dns_cf"]', "propagation_timeout = 60")
    here.good("list")
