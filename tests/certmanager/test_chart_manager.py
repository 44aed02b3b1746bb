"""The chart with the manager's daemon: which Secrets it writes, and who reaches its pages."""

from __future__ import annotations

from typing import Any

from tests.certmanager.chart_values import CASES
from tests.certmanager.helm import only, pods, render


def test_the_manager_writes_secrets_where_the_values_say() -> None:
    role = only(render(CASES["manager"]), "Role", "secrets")
    assert role["metadata"]["namespace"] == "istio-ingress"
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "verbs": ["get", "patch"],
            "resourceNames": ["www-tls"],
        },
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
    ]


def pages(case: str) -> tuple[list[str], dict[str, Any]]:
    """Return the daemon's arguments that are about its pages, and its pod."""
    (pod,) = pods(render(CASES[case]))
    (container,) = pod["containers"]
    assert container["args"][:2] == ["run", "--json"]
    return container["args"][2:], pod


def test_pages_with_a_certificate_have_a_service() -> None:
    arguments, pod = pages("manager with pages")
    assert arguments == [
        "--web=0.0.0.0:8443",
        "--tls-certificate=/web-tls/tls.crt",
        "--tls-key=/web-tls/tls.key",
        "--host=certs.example.com",
        "--proxy=10.0.0.0/8",
        "--proxy=fd00::/8",
        "--user-header=X-Remote-User",
    ]
    assert {"secretName": "pages-tls", "defaultMode": 0o440} in [
        one.get("secret") for one in pod["volumes"]
    ]
    (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "web-tls")
    assert mount["mountPath"] == "/web-tls"
    manifests = render(CASES["manager with pages"])
    service = only(manifests, "Service")["spec"]
    labels = only(manifests, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    (port,) = pod["containers"][0]["ports"]
    assert (service["ports"][0]["targetPort"], port["containerPort"]) == (port["name"], 8443)


def test_pages_can_show_a_certificate_of_the_home() -> None:
    arguments, _ = pages("manager with pages and its own certificate")
    assert arguments == ["--web=0.0.0.0:8443", "--tls-managed=pages"]


def test_pages_without_a_certificate_are_for_port_forward_alone() -> None:
    arguments, pod = pages("manager with pages for port-forward")
    assert arguments == ["--web=127.0.0.1:8053"]
    assert "ports" not in pod["containers"][0]
    kinds = {one["kind"] for one in render(CASES["manager with pages for port-forward"])}
    assert "Service" not in kinds


def test_only_the_pages_of_the_manager_can_be_reached() -> None:
    policy = only(render(CASES["manager with pages"]), "NetworkPolicy")["spec"]
    assert policy["ingress"] == [
        {
            "ports": [{"port": 8443, "protocol": "TCP"}],
            "from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
        }
    ]
    for case in ("manager", "manager with pages for port-forward"):
        spec = only(render(CASES[case]), "NetworkPolicy")["spec"]
        assert "Ingress" in spec["policyTypes"]
        assert "ingress" not in spec
