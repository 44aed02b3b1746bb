"""The chart with several nodes of the challenge service: each pod is one of them, and reachable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.certmanager.chart_values import CASES, ON_MACHINES, OPENSHIFT_DNS
from tests.certmanager.helm import Manifest, only, pods, render
from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.nodes.node import digest

ALL = ["nodes", "nodes behind an ingress", "nodes on machines"]


@pytest.fixture(params=ALL)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(CASES[request.param])


def configurations(manifests: list[Manifest], folder: Path) -> dict[str, Config]:
    """Return what each file says, by its name."""
    found = {}
    for name, text in only(manifests, "ConfigMap")["data"].items():
        (folder / name).write_text(text)
        found[name.removesuffix(".toml")] = load_config(folder / name)
    return found


def records(config: Config) -> set[tuple[str, ...]]:
    lines = (line.split() for line in config.zones[0].records.splitlines())
    return {tuple(line) for line in lines if line}


def pod_of(manifests: list[Manifest]) -> dict[str, Any]:
    (pod,) = pods(manifests)
    return pod


def services(manifests: list[Manifest]) -> list[Manifest]:
    return [one for one in manifests if one["kind"] == "Service"]


def test_every_node_has_a_file_with_its_name_and_address(tmp_path: Path) -> None:
    found = configurations(render(CASES["nodes"]), tmp_path)
    nodes = {
        name: (one.node.name, str(one.node.address)) for name, one in found.items() if one.node
    }
    assert nodes == {
        "zoneproof-nodes-0": ("ns1", "192.0.2.1:53"),
        "zoneproof-nodes-1": ("ns2", "[2001:db8::2]:53"),
        "zoneproof-nodes-2": ("ns3", "10.0.0.3:53"),
    }
    for config in found.values():
        assert config.postgres == "postgresql://zoneproof@db/zoneproof"
        assert config.database == Path("/data/replica.db")
        assert {name.text for name in config.zones[0].nameservers} == {
            "ns1.auth.example.org",
            "ns2.auth.example.org",
            "ns3.auth.example.org",
        }
        assert records(config) == {
            ("ns1.auth.example.org.", "A", "192.0.2.1"),
            ("ns1.auth.example.org.", "AAAA", "2001:db8::1"),
            ("ns2.auth.example.org.", "AAAA", "2001:db8::2"),
            ("ns3.auth.example.org.", "A", "192.0.2.3"),
            ("api.auth.example.org.", "A", "192.0.2.10"),
        }


def test_all_nodes_have_the_same_zones(manifests: list[Manifest], tmp_path: Path) -> None:
    found = configurations(manifests, tmp_path)
    assert len({digest(compile_zones(one.path, one.zones)) for one in found.values()}) == 1


def test_each_pod_reads_its_own_file(manifests: list[Manifest], tmp_path: Path) -> None:
    stateful = only(manifests, "StatefulSet")
    names = configurations(manifests, tmp_path)
    assert stateful["spec"]["replicas"] == len(names)
    (container,) = pod_of(manifests)["containers"]
    assert "/etc/zoneproof/$(NODE).toml" in container["args"]
    (node,) = (one["valueFrom"]["fieldRef"] for one in container["env"] if one["name"] == "NODE")
    if node["fieldPath"] == "metadata.name":
        name = stateful["metadata"]["name"]
        assert [f"{name}-{index}" for index in range(len(names))] == list(names)
    else:
        assert node["fieldPath"] == "spec.nodeName"
        assert list(names) == [one["machine"] for one in ON_MACHINES["nodes"]]


def test_each_name_server_has_a_service_that_leads_to_its_pod_alone() -> None:
    manifests = render(CASES["nodes"])
    found = {
        one["metadata"]["name"]: one["spec"]
        for one in services(manifests)
        if any(port["port"] == 53 for port in one["spec"]["ports"])
    }
    pods_of = {
        name: spec["selector"]["statefulset.kubernetes.io/pod-name"] for name, spec in found.items()
    }
    assert pods_of == {
        f"zoneproof-dns-ns{index + 1}": f"zoneproof-nodes-{index}" for index in range(3)
    }
    labels = only(manifests, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    for spec in found.values():
        assert {(one["port"], one["protocol"]) for one in spec["ports"]} == {
            (53, "UDP"),
            (53, "TCP"),
        }
        others = {key: value for key, value in spec["selector"].items() if "pod-name" not in key}
        assert others.items() <= labels.items()
    assert found["zoneproof-dns-ns1"]["loadBalancerIP"] == "192.0.2.1"
    assert found["zoneproof-dns-ns1"]["ipFamilyPolicy"] == "PreferDualStack"


def test_the_dns_of_a_node_without_a_lease_stays_reachable_and_its_api_does_not() -> None:
    manifests = render(CASES["nodes"])
    for one in services(manifests):
        is_dns = any(port["port"] == 53 for port in one["spec"]["ports"])
        assert one["spec"].get("publishNotReadyAddresses", False) is is_dns
    (container,) = pod_of(manifests)["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    assert container["livenessProbe"]["tcpSocket"]["port"] == "dns-tcp"
    assert "startupProbe" not in container


def test_the_api_of_all_nodes_is_one_service() -> None:
    api = only(render(CASES["nodes behind an ingress"]), "Service", "challenge")["spec"]
    assert api["type"] == "ClusterIP"
    assert [(one["port"], one["targetPort"]) for one in api["ports"]] == [(80, "api")]


def test_on_machines_each_pod_has_port_53_of_one(tmp_path: Path) -> None:
    manifests = render(CASES["nodes on machines"])
    assert not any(
        port["port"] == 53 for one in services(manifests) for port in one["spec"]["ports"]
    )
    pod = pod_of(manifests)
    (container,) = pod["containers"]
    taken = [(one["hostPort"], one["protocol"]) for one in container["ports"] if "hostPort" in one]
    assert taken == [(53, "UDP"), (53, "TCP")]
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    fields = [one["matchFields"] for one in required["nodeSelectorTerms"]]
    assert fields == [
        [{"key": "metadata.name", "operator": "In", "values": [name]}]
        for name in ("worker-1", "worker-2.example.net")
    ]
    config = configurations(manifests, tmp_path)["worker-2.example.net"]
    assert config.node is not None
    assert config.node.name == "b"
    assert config.zones[0].nameservers[1].text == "dns2.example.net"
    assert ("dns2.example.net.", "A", "192.0.2.2") not in records(config)


def test_nodes_are_apart_and_leave_one_after_the_other() -> None:
    manifests = render(CASES["nodes"])
    (apart,) = pod_of(manifests)["affinity"]["podAntiAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    labels = only(manifests, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert apart["labelSelector"]["matchLabels"].items() <= labels.items()
    budget = only(manifests, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"].items() <= labels.items()
    softer = pod_of(render(CASES["nodes behind an ingress"]))["affinity"]["podAntiAffinity"]
    assert softer == {"requiredDuringSchedulingIgnoredDuringExecution": []}


def test_a_node_that_ends_has_time_to_give_up_its_lease() -> None:
    pod = pod_of(render(CASES["nodes"]))
    (container,) = pod["containers"]
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    assert pod["terminationGracePeriodSeconds"] >= 5 + 30  # TimeoutStopSec of its systemd unit


def test_the_password_comes_from_a_secret_and_stands_in_no_other_object() -> None:
    (container,) = pod_of(render(CASES["nodes"]))["containers"]
    (password,) = (one["valueFrom"] for one in container["env"] if one["name"] == "PGPASSWORD")
    assert password == {"secretKeyRef": {"name": "db-app", "key": "password"}}


def test_the_server_is_verified_where_its_ca_is_given() -> None:
    pod = pod_of(render(CASES["nodes behind an ingress"]))
    (container,) = pod["containers"]
    given = {one["name"]: one.get("value") for one in container["env"]}
    assert given["PGSSLMODE"] == "verify-full"
    (mount,) = (one for one in container["volumeMounts"] if one["name"] == "database-ca")
    assert given["PGSSLROOTCERT"] == f"{mount['mountPath']}/ca.crt"
    assert {"secretName": "db-ca", "defaultMode": 0o440} in [
        one.get("secret") for one in pod["volumes"]
    ]


def test_nodes_reach_each_other_and_the_database_and_nothing_else_but_dns() -> None:
    manifests = render(CASES["nodes behind an ingress"])
    labels = only(manifests, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    policy = only(manifests, "NetworkPolicy")["spec"]
    dns, peers, database, added = policy["egress"]
    assert added == OPENSHIFT_DNS
    assert {one["port"] for one in dns["ports"]} == {53}
    assert peers["ports"] == [{"port": 5353, "protocol": "UDP"}]
    assert peers["to"][0]["podSelector"]["matchLabels"].items() <= labels.items()
    assert database["ports"] == [{"port": 5433, "protocol": "TCP"}]
    assert database["to"] == [{"podSelector": {"matchLabels": {"app": "postgres"}}}]
    assert {"port": 5353, "protocol": "UDP"} in policy["ingress"][0]["ports"]


def test_a_change_of_zones_restarts_no_pod_and_is_taken_up(manifests: list[Manifest]) -> None:
    (container,) = pod_of(manifests)["containers"]
    assert "--reload-on-change" in container["args"]
    (mount,) = (one for one in container["volumeMounts"] if one["name"] == "config")
    assert "subPath" not in mount  # which Kubernetes would not keep up to date


def test_only_what_needs_a_restart_changes_the_pods() -> None:
    values = CASES["nodes"]

    def template(**changes: Any) -> Any:
        service = {**values["challengeService"], **changes}
        return only(render({**values, "challengeService": service}), "StatefulSet")["spec"][
            "template"
        ]

    before = template()
    first, *others = values["challengeService"]["nodes"]
    moved = [{**first, "peerAddress": "10.0.0.1"}, *others]
    assert template(hostmaster="dns@example.org") == before
    assert template(addresses=["192.0.2.11"]) == before
    assert template(nodes=moved) == before
    assert template(workers=3) != before


def test_names_stay_within_what_kubernetes_takes() -> None:
    service = {**CASES["nodes"]["challengeService"]}
    first, *_ = service["nodes"]
    service["nodes"] = [{**first, "name": "n" * 18}]
    manifests = render(
        {**CASES["nodes"], "challengeService": service, "fullnameOverride": "f" * 60}
    )
    assert all(len(one["metadata"]["name"]) <= 63 for one in manifests)
    revision = "-0123456789"  # in a label of the pods
    assert len(only(manifests, "StatefulSet")["metadata"]["name"] + revision) <= 63
