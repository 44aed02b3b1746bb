"""The commands that the pages on licence keys and the REST API show do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.challenge_service import Service, challenge_command, write_config

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    config = write_config(tmp_path_factory.mktemp("service"), open_registration=False)
    with Service(config) as running:
        yield running


def blocks(page: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def run(service: Service, script: str, **environment: str) -> str:
    """Run a script with our service, and its configuration, in the example's place."""
    host = service.url.removeprefix("http://")
    script = re.sub(
        "^zoneproof challenge .*", rf"\g<0> --config {service.config}", script, flags=re.MULTILINE
    )
    script = script.replace("https://", "http://").replace("auth.example.org", host)
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=service.config.parent,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rest_api_page_works_from_the_first_example_to_the_last(service: Service) -> None:
    operator = challenge_command(service.config, "key", "create", "--operator").stdout.strip()
    said = run(service, "\n".join(blocks("rest-api.md")), OPERATOR_KEY=operator)
    assert '"expires_at":1893456000' in said
    assert '"note":"www.example.com"' in said
    assert '"disabled":true' in said
    assert "no tenants yet" in challenge_command(service.config, "tenant", "list").stdout


def test_the_licence_key_page_works_from_the_first_example_to_the_last(service: Service) -> None:
    create, replace, register = blocks("licence-keys.md")
    said = run(service, create)
    assert "web-team  enabled  0 of 50 registrations  until 2100-01-01" in said
    key = next(line for line in said.splitlines() if line.startswith("zp_"))
    assert run(service, register, KEY=key).count('"fulldomain"') == 3
    run(service, replace.replace("ID", f"{key[3:11]} --yes"))
    left = challenge_command(service.config, "key", "list", "--tenant", "web-team").stdout
    assert "no keys of the tenant web-team yet" in left
