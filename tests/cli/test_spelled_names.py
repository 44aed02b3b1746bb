"""Two certificates whose names are spelled alike at a service do not replace one another there."""

from __future__ import annotations

import pytest

from tests.cli.inside import Inside


@pytest.mark.parametrize(
    "task",
    [
        "azure-keyvault:vault=https://127.0.0.1:9,identity=managed",
        "gcp-certificate-manager:project=one",
    ],
)
def test_certificates_with_names_that_are_spelled_alike_clash(inside: Inside, task: str) -> None:
    inside.good("add", "a.b.example", "--provider=manual", f"--deploy={task}")
    refused = inside.run("add", "a-b.example", "--provider=manual", f"--deploy={task}")
    assert refused.status == 2
    assert "a-b-example is to be written by the task " in refused.stderr
    assert " of a.b.example (certificate): give each its own" in refused.stderr
    inside.good("add", "c.b.example", "--provider=manual", f"--deploy={task}")
