"""The chart: linted, rendered, valid for every Kubernetes from 1.27 on, with few rights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests.certmanager.chart_values import CASES, NODES, ON_MACHINES, OPENSHIFT_DNS, SERVICE
from tests.certmanager.helm import (
    CHART,
    kubernetes_versions,
    only,
    pods,
    problem,
    read_yaml,
    render,
    run_helm,
)
from zoneproof import __version__
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.cli import root

# Of cert-manager and the Prometheus operator; their fields are looked at below.
WITHOUT_SCHEMA = {"Issuer", "Certificate", "ServiceMonitor"}


@pytest.fixture(params=CASES)
def values(request: pytest.FixtureRequest) -> dict[str, Any]:
    return CASES[request.param]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def test_the_chart_is_linted(values: dict[str, Any]) -> None:
    done = run_helm("lint", "--strict", str(CHART), values=values)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_rendered_is_valid_in_every_kubernetes(values: dict[str, Any]) -> None:
    manifests = render(values)
    assert kubernetes_versions()[0] == "1.27"
    checked = [one for one in manifests if one["kind"] not in WITHOUT_SCHEMA]
    found = [problem(one, version) for one in checked for version in kubernetes_versions()]
    assert list(filter(None, found)) == []
    assert render(values, version="1.37.0") == manifests


def test_the_schemas_find_what_is_wrong() -> None:
    (deployment,) = (one for one in render({}) if one["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    assert "readynessProbe" in problem(deployment, "1.37")


def test_an_older_kubernetes_is_refused() -> None:
    options = ("--kube-version", "1.26.0")
    done = run_helm("template", "zoneproof", str(CHART), *options, values={})
    assert "chart requires kubeVersion" in done.stderr


def test_every_container_runs_without_rights(values: dict[str, Any]) -> None:
    for pod in pods(render(values)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert bool(pod.get("hostNetwork")) == bool(values.get("webhook", {}).get("hostNetwork"))
        assert not any(pod.get(one) for one in ("hostPID", "hostIPC"))
        for one in containers(pod):
            context = one["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert all(port["containerPort"] > 1024 for port in one.get("ports", []))
        for volume in pod["volumes"]:
            assert volume.keys() & {"secret", "configMap", "emptyDir", "persistentVolumeClaim"}
            if "secret" in volume:  # as the vault and OpenSSL want it, with the pod's group
                assert volume["secret"]["defaultMode"] == 0o440


def test_pods_run_as_the_user_of_the_image(values: dict[str, Any]) -> None:
    dockerfile = (CHART.parents[1] / "Dockerfile").read_text()
    ids = {int(number) for number in re.findall(r"--[ug]id (\d+)", dockerfile)}
    for pod in pods(render(values)):
        context = pod["securityContext"]
        assert {context["runAsUser"], context["runAsGroup"], context["fsGroup"]} == ids


def test_every_command_line_is_one(values: dict[str, Any]) -> None:
    for pod in pods(render(values)):
        for one in containers(pod):
            if "args" in one:
                parse(root, one["args"])


def parse(command: click.Command, words: list[str]) -> None:
    """Read a command line as the program does, without running it. Raises click.UsageError."""
    context = click.Context(command)
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found
        command = found
    command.make_context("zoneproof", words)


def test_the_webhook_has_the_rights_that_it_needs_and_no_others() -> None:
    manifests = render({})
    rules = {
        one["metadata"]["name"].partition("zoneproof-webhook-")[2]: one["rules"]
        for one in manifests
        if one["kind"] in ("Role", "ClusterRole")
    }
    assert rules == {
        "access-reviewer": [
            {
                "apiGroups": ["authorization.k8s.io"],
                "resources": ["subjectaccessreviews"],
                "verbs": ["create"],
            }
        ],
        "solver": [
            {
                "apiGroups": ["acme.zoneproof.internal"],
                "resources": ["zoneproof"],
                "verbs": ["create"],
            }
        ],
        "secrets": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    }
    role = only(manifests, "Role", "secrets")
    assert role["metadata"]["namespace"] == "cert-manager"
    reader = only(manifests, "RoleBinding", "authentication-reader")
    assert reader["metadata"]["namespace"] == "kube-system"
    assert reader["roleRef"]["name"] == "extension-apiserver-authentication-reader"
    solver = only(manifests, "ClusterRoleBinding", "solver")
    assert solver["subjects"] == [
        {"kind": "ServiceAccount", "name": "cert-manager", "namespace": "cert-manager"}
    ]


def test_secrets_are_read_where_the_values_say() -> None:
    roles = [one for one in render(CASES["narrow webhook"]) if one["kind"] == "Role"]
    assert {one["metadata"]["namespace"] for one in roles} == {"cert-manager", "shop"}
    assert {tuple(one["rules"][0]["resourceNames"]) for one in roles} == {("cloudflare",)}
    wide = render(CASES["wide webhook"])
    assert [one for one in wide if one["kind"] == "Role"] == []
    assert only(wide, "ClusterRole", "secrets")["rules"][0]["verbs"] == ["get"]


def test_while_a_pod_is_replaced_another_webhook_answers() -> None:
    manifests = render({})
    deployment = only(manifests, "Deployment")
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert only(manifests, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_the_webhook_can_be_on_the_network_of_the_machines() -> None:
    """As cert-manager's own has to be in EKS with a CNI of one's own."""
    manifests = render(CASES["webhook on the network of the machines"])
    deployment = only(manifests, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    # Without it such a pod asks the machine's resolvers, which know no Services.
    assert (pod["hostNetwork"], pod["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    (container,) = pod["containers"]
    (port,) = container["ports"]
    assert port["containerPort"] == 9444
    assert "--listen=0.0.0.0:9444" in container["args"]
    # The new pod needs the port that the old one has, where there are as many machines as pods.
    strategy = deployment["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 0, "maxUnavailable": 1}
    assert not [one for one in manifests if one["kind"] == "NetworkPolicy"]  # would not apply


def test_the_metadata_service_is_reached_only_if_it_may_be() -> None:
    """GKE's documents on network policies: 169.254.169.252, port 988, without Dataplane V2."""

    def to_anywhere(case: str) -> tuple[list[str], set[int]]:
        _, rule, *_ = only(render(CASES[case]), "NetworkPolicy")["spec"]["egress"]
        excepted = [one for peer in rule["to"] for one in peer["ipBlock"].get("except", [])]
        return excepted, {one["port"] for one in rule["ports"]}

    excepted, ports = to_anywhere("defaults")
    assert (excepted, ports) == (["169.254.169.254/32", "fd00:ec2::254/128"], {443, 6443})
    assert to_anywhere("workload identity of Azure") == ([], {443, 6443, 80, 988})


def test_the_api_service_leads_to_the_webhook_and_its_ca() -> None:
    manifests = render(CASES["narrow webhook"])
    service = only(manifests, "APIService")
    assert service["metadata"]["name"] == "v1alpha1.acme.example.com"
    name = "zoneproof-webhook"
    spec = {"name": name, "namespace": "cert-manager", "port": 443}
    assert service["spec"]["service"] == spec
    certificate = only(manifests, "Certificate", "tls")
    injected = service["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
    assert injected == f"cert-manager/{certificate['metadata']['name']}"
    assert f"{name}.cert-manager.svc" in certificate["spec"]["dnsNames"]
    volumes = only(manifests, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert {"secretName": certificate["spec"]["secretName"], "defaultMode": 0o440} in [
        one.get("secret") for one in volumes
    ]
    issuers = {one["metadata"]["name"] for one in manifests if one["kind"] == "Issuer"}
    assert certificate["spec"]["issuerRef"]["name"] in issuers
    deployment = only(manifests, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert only(manifests, "Service")["spec"]["selector"].items() <= labels.items()
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == "registry.example.com/zoneproof@sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        ("challenge service with a class", "networking.gke.io/l4-regional-external"),
        ("nodes with a class", "service.k8s.aws/nlb"),
    ],
)
def test_services_have_the_class_of_load_balancers_with_udp_and_tcp(case: str, wanted: str) -> None:
    """In GKE a class decides whether a Service can have both; in EKS, who makes it."""
    found = [one["spec"] for one in render(CASES[case]) if one["kind"] == "Service"]
    balancers = [one for one in found if one.get("type") == "LoadBalancer"]
    assert {one["loadBalancerClass"] for one in balancers} == {wanted}
    # Kubernetes refuses one for other Services.
    assert not [one for one in found if "loadBalancerClass" in one and one not in balancers]


@pytest.mark.parametrize(
    "case",
    [
        "challenge service",
        "challenge service with files",
        "challenge service behind a proxy",
        "two families",
    ],
)
def test_the_challenge_service_can_read_its_configuration(case: str, tmp_path: Path) -> None:
    manifests = render(CASES[case])
    file = tmp_path / "zoneproof.toml"
    file.write_text(only(manifests, "ConfigMap")["data"]["zoneproof.toml"])
    config = load_config(file)
    compile_zones(file, config.zones)
    assert config.zones[0].name.text == "auth.example.org"
    ports = {
        (port["name"], port["containerPort"])
        for port in next(pods([only(manifests, "StatefulSet")]))["containers"][0]["ports"]
    }
    assert {one.port for one in config.dns.listen} == {5353}
    assert ("dns-udp", 5353) in ports
    assert ("api", config.api.listen[0].port) in ports
    service = only(manifests, "Service", "challenge")
    assert {(one["port"], one["protocol"]) for one in service["spec"]["ports"]} >= {
        (53, "UDP"),
        (53, "TCP"),
    }


def test_metrics_are_found_by_prometheus() -> None:
    manifests = render(CASES["challenge service"])
    service = only(manifests, "Service", "metrics")
    spec = only(manifests, "ServiceMonitor")["spec"]
    wanted = spec["selector"]["matchLabels"].items()
    services = [one for one in manifests if one["kind"] == "Service"]
    assert [one for one in services if wanted <= one["metadata"]["labels"].items()] == [service]
    assert spec["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]


@pytest.mark.parametrize("case", ["narrow webhook", "challenge service", "manager with pages"])
def test_each_part_reaches_dns_and_apis_and_what_is_added(case: str) -> None:
    policy = only(render(CASES[case]), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    dns, apis, added = policy["egress"]
    assert dns == {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    assert {"port": 443, "protocol": "TCP"} in apis["ports"]
    assert added == OPENSHIFT_DNS


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"webhok": {}}, "additional properties 'webhok' not allowed"),
        ({"webhook": {"replicas": 0}}, "/webhook/replicas"),
        ({"webhook": {"port": 443}}, "/webhook/port"),
        ({"webhook": {"groupName": "Acme"}}, "/webhook/groupName"),
        ({"webhook": {"secrets": {"namespaces": "shop"}}}, "/webhook/secrets/namespaces"),
        ({"challengeService": {"enabled": True}}, "/challengeService/zone"),
        ({"challengeService": {**SERVICE, "tls": {"mode": "maybe"}}}, "/challengeService/tls/mode"),
        (
            {"challengeService": {**SERVICE, "tls": {"mode": "file"}}},
            "challengeService.tls.secretName",
        ),
        ({"challengeService": {**NODES, "tls": {"mode": "auto"}}}, "'auto' is for one pod"),
        ({"challengeService": {**SERVICE, "tls": {}}}, "challengeService.tls.agreeTos"),
        ({"challengeService": {**SERVICE, "addresses": []}}, "challengeService.addresses"),
        (
            {
                "manager": {
                    "enabled": True,
                    "web": {"tls": {"secretName": "pages-tls", "managed": "pages"}},
                }
            },
            "manager.web.tls: set either secretName or managed",
        ),
        ({"challengeService": {**NODES, "database": {}}}, "write postgresql://user@host/database"),
        ({"challengeService": {**NODES, "nodes": []}}, "list the nodes"),
        (
            {"challengeService": {**NODES, "nodes": [*NODES["nodes"], NODES["nodes"][0]]}},
            "two have the same name",
        ),
        (
            {"challengeService": {**NODES, "nodes": [*NODES["nodes"], ON_MACHINES["nodes"][0]]}},
            "give each a machine of its own, or none of them one",
        ),
        (
            {"challengeService": {**NODES, "nodes": [{"name": "ns1", "addresses": []}]}},
            "/challengeService/nodes/0/addresses",
        ),
        *(
            ({"challengeService": {**NODES, "database": {"url": url}}}, "omit the password")
            for url in ("postgresql://a:b@db/c", "postgres://db/c?user=a&password=b")
        ),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"webhook": {"dns": {"propagation": "soon"}}}, "/webhook/dns/propagation"),
        ({"manager": {"web": {"userHeader": "X User"}}}, "/manager/web/userHeader"),
        ({"manager": {"web": {"proxies": ["all"]}}}, "/manager/web/proxies/0"),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], words: str) -> None:
    done = run_helm("template", "zoneproof", str(CHART), values=values)
    assert done.returncode != 0
    assert words in done.stderr


def test_the_schema_describes_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    (values,) = read_yaml((CHART / "values.yaml").read_text())
    assert described(schema) - {"global"} == set(named(values))


def named(values: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        here = f"{path}.{key}".lstrip(".")
        yield here
        if isinstance(value, dict) and key != "resources":
            yield from named(value, here)


def described(schema: dict[str, Any], path: str = "") -> set[str]:
    found = set()
    for key, inner in schema.get("properties", {}).items():
        here = f"{path}.{key}".lstrip(".")
        assert inner["description"].endswith("."), here
        found |= {here, *described(inner, here)}
    return found


def test_the_chart_is_of_this_version() -> None:
    (chart,) = read_yaml((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__
