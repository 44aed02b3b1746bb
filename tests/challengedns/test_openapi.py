"""The API's own description: complete, and true of the API, which schemathesis checks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.challenge_service import (
    Service,
    challenge_command,
    register,
    request,
    write_config,
)
from tests.support.described_api import assert_as_described


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    config = write_config(tmp_path_factory.mktemp("service"), open_registration=False)
    with Service(config) as running:
        yield running


@pytest.fixture(scope="module")
def document(service: Service) -> Any:
    reply = request(service.url, "GET", "/api/v1/openapi.json")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    return reply.json


def challenge(service: Service, *arguments: str) -> str:
    done = challenge_command(service.config, *arguments)
    assert done.status == 0, done.stderr
    return done.stdout.strip()


def test_the_description_holds_every_operation_with_an_id_of_its_own(document: Any) -> None:
    operations = [
        (method, path, operation["operationId"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    assert {path for _, path, _ in operations} == {
        "/register",
        "/update",
        "/health",
        "/api/v1/registrations",
        "/api/v1/registrations/{subdomain}",
        "/api/v1/registrations/{subdomain}/rotate",
        "/api/v1/usage",
        "/api/v1/tenants",
        "/api/v1/tenants/{name}",
        "/api/v1/audit",
        "/api/v1/keys",
        "/api/v1/keys/{id}",
    }
    assert len({name for _, _, name in operations}) == len(operations) == 19
    assert document["openapi"].startswith("3.1")


def test_every_reference_leads_somewhere(document: Any) -> None:
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found = document
        for part in reference.split("/"):
            found = found[part]
        assert found


def test_registering_is_described_as_it_is_configured(document: Any, tmp_path: Path) -> None:
    key: list[Any] = [{"bearer": []}, {"basic": []}]
    assert document["paths"]["/register"]["post"]["security"] == key
    with Service(write_config(tmp_path)) as service:
        opened = request(service.url, "GET", "/api/v1/openapi.json").json
    assert opened["paths"]["/register"]["post"]["security"] == [*key, {}]


@pytest.mark.parametrize("role", ["operator", "tenant"])
def test_the_api_is_as_it_is_described(service: Service, tmp_path: Path, role: str) -> None:
    challenge(service, "tenant", "create", role)
    licence = challenge(service, "key", "create", role)
    key = licence if role == "tenant" else challenge(service, "key", "create", "--operator")
    account = register(service.url, licence)
    assert_as_described(
        f"{service.url}/api/v1/openapi.json",
        f'[headers]\nAuthorization = "Bearer {key}"\n'
        f'X-Api-User = "{account.username}"\nX-Api-Key = "{account.password}"\n'
        '[[operations]]\ninclude-method = ["GET", "PATCH"]\n'
        f'parameters = {{ "path.subdomain" = "{account.subdomain}", "path.name" = "{role}" }}\n',
        tmp_path,
    )
    assert not [line for line in service.lines if "ERROR" in line or "Traceback" in line]
