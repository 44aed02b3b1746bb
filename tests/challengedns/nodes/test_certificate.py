"""Each node obtains the API's certificate for itself: Pebble validates it at any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest

import tests.support.peers.pebble  # noqa: F401  says where Pebble is
from tests.challengedns.shown_certificate import health_over_tls, root_of, shown, verifies
from tests.support.challenge_service import challenge_command
from tests.support.nodes import CONFIG, ZONE, Cluster, ServiceNode, wait_for_leases
from tests.support.peers.postgres import Postgres
from tests.support.peers.unbound import Unbound
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.dns.wire import CNAME, to_wire
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.own_names import with_own_names
from zoneproof.core.errors import ConfigError
from zoneproof.manager.api_certificate import ApiCertificate
from zoneproof.testing.pebble import Pebble

API = f"api.{ZONE}"
NAMES = ("a", "b", "c")
HAS_ONE = "the API has a new certificate"


class Ca(NamedTuple):
    """What a node is told of a CA."""

    directory: str
    bundle: Path
    resolver: str


def with_tls(config: Path, node: str, ca: Ca) -> None:
    """Let a node obtain its certificate, from a CA that asks all name servers."""
    servers = ", ".join(f'"{name}.{ZONE}"' for name in NAMES)
    records = "".join(f"{name} A 127.0.0.1\n" for name in (*NAMES, "api"))
    own = (
        f'tls = "auto"\ndomain = ["{API}", "{node}.{ZONE}"]\n'
        f'acme_directory = "{ca.directory}"\nacme_ca_bundle = "{ca.bundle}"\n'
        f'acme_agree_tos = true\nacme_resolvers = ["{ca.resolver}"]\n'
    )
    text = config.read_text().replace("[api]\n", f"[api]\n{own}")
    text = text.replace(f'"ns1.{ZONE}"', servers).replace("ns1  A    192.0.2.53\n", records)
    config.write_text(text)


@pytest.fixture
def cluster(tmp_path: Path, postgres: Postgres, database: str) -> Cluster:
    return Cluster(tmp_path, postgres, database, NAMES)


@pytest.fixture
def make_ca(tmp_path: Path, cluster: Cluster) -> Iterator[Callable[[int], Pebble]]:
    """Return what starts a CA with certificates of so many seconds."""
    running: list[AbstractContextManager[object]] = []

    def make(seconds: int) -> Pebble:
        servers = [f"127.0.0.1@{node.fixed_port}" for node in cluster.nodes]
        resolver = Unbound(tmp_path / "unbound", {ZONE: servers})
        profiles = {"default": {"description": "", "validityPeriod": seconds}}
        pebble = Pebble(
            tmp_path / "pebble",
            dns_server=f"127.0.0.1:{resolver.port}",
            config={"profiles": profiles},
        )
        for each in (resolver, pebble):
            each.__enter__()
            running.append(each)
        ca = Ca(pebble.directory_url, pebble.ca_bundle, f"127.0.0.1:{resolver.port}")
        for node in cluster.nodes:
            with_tls(node.config, node.node_name, ca)
        return pebble

    yield make
    for each in reversed(running):
        each.__exit__(None, None, None)


def leads_to(node: ServiceNode, name: str) -> str:
    (rrset,) = node.ask(f"_acme-challenge.{name}", "CNAME").answer[:1]
    return str(rrset[0].target)


def kept_by(node: ServiceNode) -> Path:
    """Return where a node keeps its certificate."""
    return node.config.with_name(f"api-certificate-{node.node_name}")


def versions(node: ServiceNode) -> list[str]:
    """Return the certificates that a node ever had."""
    return sorted(path.name for path in kept_by(node).glob("archive/*/fullchain*.pem"))


async def orders_at_a_restart(node: ServiceNode) -> bool:
    """Tell whether the first look of a node that is started orders another one."""
    config = load_config(node.config)
    assert config.api.auto
    return await ApiCertificate(config, config.api.auto).renew_if_due()


async def test_nodes_that_start_together_obtain_one_certificate_each_and_keep_it(
    cluster: Cluster, make_ca: Callable[[int], Pebble]
) -> None:
    pebble = make_ca(7_776_000)
    with cluster as nodes:
        for node in nodes:
            node.wait_for_line(HAS_ONE)
        root = root_of(pebble)
        serials = set()
        for node in nodes:
            verifies(node, root)
            serials.add(shown(node).serial_number)
            assert versions(node) == ["fullchain1.pem"]
        assert len(serials) == len(nodes)
        for name in (API, *(f"{name}.{ZONE}" for name in NAMES)):
            assert len({leads_to(node, name) for node in nodes}) == 1
        first, *others = nodes
        first.kill()
        assert not await orders_at_a_restart(first)
        # Neither the database nor the CA is needed to show what it has.
        first.cut(database=True, dns=True)
        first.start()
        assert health_over_tls(first, root)
        assert leads_to(first, API) == leads_to(others[0], API)
        assert versions(first) == ["fullchain1.pem"]
        first.mend()


def test_a_node_without_the_database_says_early_that_it_cannot_renew(
    cluster: Cluster, make_ca: Callable[[int], Pebble]
) -> None:
    pebble = make_ca(60)
    with cluster as nodes:
        cut_off, *others = nodes
        for node in nodes:
            node.wait_for_line(HAS_ONE)
            node.lines.clear()
        cut_off.cut(database=True)
        line = cut_off.wait_for_line("no certificate for the API", 60)
        assert "PostgreSQL at 127.0.0.1" in line
        assert health_over_tls(cut_off, root_of(pebble))
        for node in others:
            node.wait_for_line(HAS_ONE, 60)
        cut_off.mend()
        wait_for_leases(cut_off)
        cut_off.stop()
        cut_off.start()
        cut_off.wait_for_line(HAS_ONE)


def test_nothing_is_ordered_while_another_node_leads_elsewhere(
    cluster: Cluster, make_ca: Callable[[int], Pebble]
) -> None:
    pebble = make_ca(7_776_000)
    with_file, *_ = cluster.nodes
    text = with_file.config.read_text()
    with_file.config.write_text(text.replace('tls = "auto"', 'tls = "off"'))
    with cluster as nodes:
        _, *others = nodes
        for node in others:
            line = node.wait_for_line("no certificate for the API")
            assert f"node 'a' at 127.0.0.1:{with_file.dns.port} has no CNAME from" in line
            assert not versions(node)
            untrusted = kept_by(node) / "self-signed/cert.pem"
            said = health_over_tls(node, untrusted.read_text())
            assert said.startswith(b"HTTP/1.1 503 ")
            assert b"untrusted_certificate" in said
        assert not any("order-plz" in line for line in pebble.lines)
        with_file.config.write_text(text)
        for node in nodes:
            node.stop()
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_for_line(HAS_ONE)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a node that is not started."""
    path = tmp_path / "a.toml"
    known = {"port": 0, "workers": 1, "name": "a", "link": 1, "zone": ZONE, "records": ""}
    path.write_text(CONFIG.format(url="postgresql://127.0.0.1:1/x", **known))
    with_tls(path, "a", Ca("https://127.0.0.1:1/", tmp_path / "none", "127.0.0.1:1"))
    return path


def test_a_record_at_the_challenge_name_of_another_node_s_name_server_stays(config: Path) -> None:
    text = config.read_text()
    config.write_text(text.replace("www  TXT", "_acme-challenge.b CNAME elsewhere\nwww  TXT"))
    loaded = load_config(config)
    (zone,) = with_own_names(loaded, compile_zones(config, loaded.zones))
    leads = {rrset.owner: rrset.rdatas for rrset in zone.rrsets if rrset.rdtype == CNAME}
    assert leads[to_wire(f"_acme-challenge.b.{ZONE}")] == (to_wire(f"elsewhere.{ZONE}"),)
    assert len(leads) == len(NAMES) + 1
    config.write_text(text.replace("www  TXT", "_acme-challenge.a CNAME elsewhere\nwww  TXT"))
    loaded = load_config(config)
    with pytest.raises(ConfigError, match=r"remove _acme-challenge\.a\.auth.* from the 'records'"):
        with_own_names(loaded, compile_zones(config, loaded.zones))


def test_the_check_names_what_makes_a_node_s_certificate_its_own(config: Path) -> None:
    advice = "add the name of this node's name server to 'api.domain'"
    assert advice not in challenge_command(config, "serve", "--check", "--no-dns").stdout
    config.write_text(config.read_text().replace(f', "a.{ZONE}"]', "]", 1))
    assert advice in challenge_command(config, "serve", "--check", "--no-dns").stdout
