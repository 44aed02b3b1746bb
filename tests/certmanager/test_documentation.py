"""What docs/kubernetes.md shows: values that the chart takes, manifests, and configs of solvers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.certmanager.helm import Manifest, problem, read_yaml, render
from tests.docs.page import DOCS, blocks
from zoneproof.certmanager.payload import ChallengeRequest
from zoneproof.certmanager.solver_config import FromSecret, SolverConfig, read_config
from zoneproof.core.names import Identifier
from zoneproof.manager.certificates.definition_file import read_definitions
from zoneproof.providers import check_names, describe

PAGE = (DOCS / "kubernetes.md").read_text("utf-8")
YAML = [content for language, content in blocks(PAGE) if language == "yaml"]
VALUES = [text for text in YAML if text.startswith("# values.yaml")]
MANIFESTS = [one for text in YAML if text not in VALUES for one in read_yaml(text)]


def named(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


@pytest.mark.parametrize("text", VALUES, ids=range(len(VALUES)))
def test_values_are_those_of_the_chart(text: str, tmp_path: Path) -> None:
    (values,) = read_yaml(text)
    if certs := values.get("manager", {}).get("certs"):
        (tmp_path / "certs.toml").write_text(certs)
        assert read_definitions(tmp_path / "certs.toml")
    manifests = render(values)
    assert manifests
    assert all(
        not (found := problem(one, "1.37")) or found.endswith("no schema") for one in manifests
    )


@pytest.mark.parametrize("manifest", MANIFESTS, ids=named)
def test_manifests_are_whole(manifest: Manifest) -> None:
    spec = manifest["spec"]
    match manifest["kind"]:
        case "Certificate":
            assert spec["secretName"]
            assert spec["issuerRef"]["kind"] == "ClusterIssuer"
            assert [Identifier.parse(name) for name in spec["dnsNames"]]
        case "Gateway":
            (server,) = spec["servers"]
            issued = [
                one["spec"]
                for one in MANIFESTS
                if one["kind"] == "Certificate"
                and one["spec"]["secretName"] == server["tls"]["credentialName"]
            ]
            assert issued
        case "ClusterIssuer":
            check_solver(spec["acme"]["solvers"][0]["dns01"]["webhook"])
        case other:
            raise AssertionError(f"the page has a {other}, which nothing looks at")


def check_solver(webhook: dict[str, Any]) -> None:
    assert webhook["groupName"] == "acme.example.com"
    assert webhook["solverName"] == "zoneproof"
    raw = msgspec.Raw(msgspec.json.encode(webhook["config"]))
    request = ChallengeRequest(action="Present", type="dns-01", dns_name="", key="", config=raw)
    config = read_config(request)
    info = describe(config.provider)
    check_names(info, config.fields)
    for field in info.fields:
        given = config.fields.get(field.name)
        assert given is None or isinstance(given, FromSecret) == field.secret
    fields = {one.name: str(config.fields.get(one.name, one.default or "")) for one in info.fields}
    assert not any(field.is_missing(fields) for field in info.fields)


def test_the_groups_of_issuers_are_installed() -> None:
    groups = [values.get("webhook", {}).get("groupName") for (values,) in map(read_yaml, VALUES)]
    assert "acme.example.com" in groups


def test_every_key_of_a_config_is_explained() -> None:
    table = PAGE.partition("### What the config of a solver has")[2].partition("**Where")[0]
    told = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))))
    assert told == set(SolverConfig.__struct_encode_fields__)
