"""The chart as helm renders it, and Kubernetes' own schemas for what comes out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import yaml  # type: ignore[import-untyped]
from kubernetes_validate import utils

ROOT = Path(__file__).parents[2]
CHART = ROOT / "packaging" / "helm" / "zoneproof"
OLDEST = 27
_HELM = Path(sys.prefix) / "kubernetes" / "helm"  # scripts/install test

Manifest = Mapping[str, Any]

utils.schema_contents = cache(utils.schema_contents)  # megabytes, for each object and version


def run_helm(*arguments: str, values: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run helm with values from a file."""
    assert _HELM.exists(), "helm is missing: run 'scripts/install test'"
    return subprocess.run(
        [_HELM, *arguments, "--values", "-"],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def render(values: Mapping[str, Any], *, version: str = "1.27.0") -> list[Manifest]:
    """Return what ``helm install`` would create in a cluster of that version."""
    return read_yaml(_template(json.dumps(values), version))


@cache  # which many tests look at
def _template(values: str, version: str) -> str:
    options = ("--namespace", "cert-manager", "--kube-version", version)
    done = run_helm("template", "zoneproof", str(CHART), *options, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_yaml(text: str) -> list[Any]:
    """Return the documents of YAML that are not empty."""
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


def kubernetes_versions() -> list[str]:
    """Return the versions from 1.27 on of which there are schemas, as ``1.27``."""
    numbers = {int(one.split(".")[1]) for one in utils.all_versions()}
    return [f"1.{number}" for number in sorted(numbers) if number >= OLDEST]


def problem(manifest: Manifest, version: str) -> str:
    """Return what the strict schema of a version finds wrong, empty for nothing."""
    return _problem(json.dumps(manifest), version)


@cache  # for what many values leave as it is
def _problem(text: str, version: str) -> str:
    manifest = json.loads(text)
    where = f"{manifest['kind']} {manifest['metadata']['name']} for {version}"
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{where}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        return f"{where}: no schema"
    return ""


def only(manifests: list[Manifest], kind: str, part: str = "") -> Any:
    """Return the one object of a kind whose name ends so."""
    (found,) = [
        one for one in manifests if one["kind"] == kind and one["metadata"]["name"].endswith(part)
    ]
    return found


def pods(manifests: list[Manifest]) -> Iterator[dict[str, Any]]:
    """Yield what each workload's pods are."""
    for one in manifests:
        if one["kind"] in ("Deployment", "StatefulSet"):
            yield one["spec"]["template"]["spec"]
